"""What a worker works with."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.announcements import Announcer
    from headworks.brokers.redis.address import Address
    from headworks.brokers.redis.scripts import Scripts
    from headworks.brokers.sqs_receiving import SqsReceiver
    from headworks.brokers.sqs_visibility import SqsVisibility
    from headworks.claim_check import ClaimCheck
    from headworks.ledger.ledger import Ledger
    from headworks.telemetry import Counts, Log
    from headworks.wiring import ConsumerParts


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisParts:
    """A queue on Redis.  Dead letters go to the ledger `lasting`, or are kept in Redis without one.

    `lease` is how long a message is a worker's own without a sign of life; `namespace` keeps
    pipelines apart that share a server.  `version` is the code's, as histories name it.
    """

    address: Address
    log: Log
    counts: Counts
    namespace: str = ""
    lease: timedelta = timedelta(seconds=30)
    claim_check: ClaimCheck | None = None
    lasting: Ledger | None = None
    announcer: Announcer | None = None
    version: str = ""
    scripts: Scripts | None = None
    exit_process: Callable[[int], object] = os._exit


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsParts:
    """A queue on SQS: the parts that the consumer has on Lambda, and what Lambda does there.

    `lease` is how long a message is a worker's own without a sign of life, in whole seconds.
    """

    consumer: ConsumerParts
    receiver: SqsReceiver
    visibility: SqsVisibility
    lease: timedelta = timedelta(seconds=60)
    now: Callable[[], float] = time.monotonic
