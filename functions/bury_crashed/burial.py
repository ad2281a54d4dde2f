"""Taking what SQS gave up on, and writing it down in the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from headworks.brokers.broker import Settled
from headworks.brokers.record import delivery_of
from headworks.errors import HeadworksError
from headworks.outcome import Dead, Defer
from headworks.retry import deferral
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headworks.brokers.broker import Broker, Delivery
    from headworks.burying import Undertaker
    from headworks.queue import Queue
    from headworks.telemetry import Counts, Log
    from headworks.topology import Topology


class UnknownQueue(HeadworksError):
    """Messages came from a queue that is no consumer's dead-letter queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graveyard:
    """One consumer's dead-letter queue: who buries what lies on it, and who settles that."""

    undertaker: Undertaker
    broker: Broker
    counts: Counts


class Burial:
    """Every consumer's dead-letter queue; a batch is always of one of them.

    `url_of` tells where a consumer's dead-letter queue is, `graveyard` what works on it.
    """

    def __init__(
        self,
        *,
        topology: Topology,
        url_of: Callable[[Queue, str], str],
        graveyard: Callable[[Queue, str], Graveyard],
        side_by_side: int,
        log: Log,
    ) -> None:
        self._topology = topology
        self._url_of = url_of
        self._graveyard = graveyard
        self._pool = ThreadPoolExecutor(side_by_side, thread_name_prefix="burial")
        self._log = log

    def answer(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Bury a batch, and answer which of its records SQS must hand out again."""
        self._log.begin(context)
        records = event["Records"]
        kept = self._bury(records) if records else frozenset()
        stay = [record["messageId"] for record in records if record["messageId"] in kept]
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in stay]}

    def _bury(self, records: Sequence[Mapping[str, Any]]) -> frozenset[str]:
        graveyard = self._graveyard(*self._owner_of(records[0]["eventSourceARN"]))
        bury = partial(self._bury_one, graveyard)
        settled = list(self._pool.map(bury, [delivery_of(record) for record in records]))
        if dead := sum(isinstance(each.outcome, Dead) for each in settled):
            graveyard.counts({Dead.__name__: dead}, ())
        return graveyard.broker.settle(settled)

    def _bury_one(self, graveyard: Graveyard, delivery: Delivery) -> Settled:
        try:
            verdict = graveyard.undertaker.bury(delivery)
        except Exception as error:  # noqa: BLE001 - one message's trouble must not keep its neighbours here
            self._log(Action.TROUBLE, what="it can't be buried", message_id=delivery.id, error=error)
            verdict = Defer(after=deferral(delivery.receive_count), why=str(error))
        return Settled(delivery=delivery, outcome=verdict)

    def _owner_of(self, arn: str) -> tuple[Queue, str]:
        """Whose dead-letter queue it is."""
        try:
            return self._owners[_name_in(arn, ":")]
        except KeyError:
            raise UnknownQueue(f"{arn} is no consumer's dead-letter queue") from None

    @cached_property
    def _owners(self) -> dict[str, tuple[Queue, str]]:
        return {
            _name_in(self._url_of(queue, consumer), "/"): (queue, consumer)
            for queue in self._topology.queues
            for consumer in queue.consumers
        }


def _name_in(address: str, separator: str) -> str:
    """SQS's own name of a queue: what its ARN and its URL both end with."""
    return address.rpartition(separator)[2]
