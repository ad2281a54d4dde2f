"""What functions tell of themselves: one JSON line an action, and counts.

A line carries ids and outcomes, never a body, a header or a secret.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from headworks.errors import HeadworksError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

NAMESPACE = "Headworks"
LONGEST_ERROR = 1000


class Action(StrEnum):
    """What a log line is about: its field `action`.  The timeline of the local run reads these."""

    RECEIVED = "received"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    QUEUED = "queued"
    NOT_QUEUED = "not_queued"
    QUARANTINED = "quarantined"
    CANCELLED = "cancelled"
    STARTED = "started"
    DONE = "done"
    RETRY = "retry"
    DEFERRED = "deferred"
    DEAD = "dead"
    TROUBLE = "trouble"


class Log(Protocol):
    """Where actions are told."""

    def __call__(self, action: Action, *, error: BaseException | None = None, **fields: Any) -> None:
        """Tell one action.  An unexpected `error` comes with its stack trace."""

    def begin(self, context: object) -> None:
        """From here on lines belong to the invocation of this Lambda context."""

    def for_handler(self, **fields: Any) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines carry these fields."""


class Counts(Protocol):
    """Where outcomes are counted."""

    def __call__(self, outcomes: Mapping[str, int], durations_ms: Sequence[float]) -> None:
        """Publish what one batch came to: outcomes by name, and how long each handler ran."""


_LEVELS = {
    Action.REFUSED: logging.WARNING,
    Action.NOT_QUEUED: logging.ERROR,
    Action.QUARANTINED: logging.WARNING,
    Action.RETRY: logging.WARNING,
    Action.DEAD: logging.ERROR,
    Action.TROUBLE: logging.ERROR,
}


class PowertoolsLog:
    """Actions as lines of Powertools' Logger.

    The handler's own words for a failure (`Retry`, `Reject`) need no stack trace; anything
    else is unexpected and gets one.
    """

    def __init__(self, service: str) -> None:
        # Imported here: declarations and tests that read `Action` don't pay for Powertools.
        from aws_lambda_powertools import Logger

        self._logger = Logger(service=service)
        self._writers = {logging.ERROR: self._logger.error, logging.WARNING: self._logger.warning}

    def __call__(self, action: Action, *, error: BaseException | None = None, **fields: Any) -> None:
        known = {name: value for name, value in fields.items() if value is not None}
        if error is not None:
            known |= {"error_type": type(error).__name__, "error": str(error)[:LONGEST_ERROR]}
        unexpected = error is not None and not isinstance(error, HeadworksError)
        write = self._writers.get(_LEVELS.get(action, logging.INFO), self._logger.info)
        write(
            str(action),
            extra={"action": str(action), **known},
            exc_info=error if unexpected else None,
        )

    def begin(self, context: object) -> None:
        self._logger.append_keys(function_request_id=getattr(context, "aws_request_id", None))

    def for_handler(self, **fields: Any) -> logging.LoggerAdapter[logging.Logger]:
        return HandlerLogger(logging.getLogger(self._logger.service), fields)


class HandlerLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines carry some fields, beside those that a line brings itself."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the fields to a line's own, which come first."""
        return msg, {**kwargs, "extra": {**(self.extra or {}), **(kwargs.get("extra") or {})}}


def powertools_counts(queue: str, consumer: str) -> Counts:
    """Outcomes as metrics in the embedded format, in the namespace `Headworks`, by queue and consumer."""
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    def publish(outcomes: Mapping[str, int], durations_ms: Sequence[float]) -> None:
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=consumer)
        metrics.add_dimension(name="queue", value=queue)
        for name, count in outcomes.items():
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
        # The embedded format takes a hundred values a metric.
        for duration in durations_ms[:100]:
            metrics.add_metric(name="HandlerDuration", unit=MetricUnit.Milliseconds, value=duration)
        metrics.flush_metrics()

    return publish
