"""What functions tell of themselves: one JSON line an action, and counts.

A line carries ids and outcomes, never a body, a header or a secret.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from headworks.errors import HeadworksError
from headworks.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

NAMESPACE = "Headworks"
# Metrics that alarms go by: 1 while a consumer or a source is paused; and whether a consumer's old messages
# are no trouble, told every minute, for an alarm's arithmetic makes nothing of a metric that nobody publishes.
PAUSED = "Paused"
EXCUSED = "Excused"
# How many dead letters expire soon, where their queue keeps them for a time only.
EXPIRING = "ExpiringDeadLetters"
# What CloudWatch doesn't know of a queue on Redis by itself: how many messages are to be taken or are being
# processed, and how many seconds the oldest of them has been there.
BACKLOG = "Backlog"
OLDEST_AGE = "OldestAge"
LONGEST_ERROR = 1000
# The attribute of a log record that holds an action's fields.
FIELDS = "headworks_fields"
# Of one metric, in the embedded format.
MOST_VALUES = 100


class Action(StrEnum):
    """What a log line is about: its field `action`.  The timeline of the local run reads these."""

    RECEIVED = "received"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    QUEUED = "queued"
    NOT_QUEUED = "not_queued"
    QUARANTINED = "quarantined"
    CANCELLED = "cancelled"
    KEPT_BACK = "kept_back"
    PAUSED = "paused"
    RESUMED = "resumed"
    PURGED = "purged"
    DELETED = "deleted"
    EDITED = "edited"
    ASKED = "asked"
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

    def wants(self, action: Action) -> bool:
        """Whether a line of this action would be kept."""

    def begin(self, context: object) -> None:
        """From here on lines belong to the invocation of this Lambda context."""

    def for_handler(self, **fields: Any) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines carry these fields."""


class Counts(Protocol):
    """Where outcomes are counted."""

    def __call__(self, outcomes: Mapping[str, int], durations_ms: Sequence[float]) -> None:
        """Publish what one batch came to: outcomes by name, and how long each handler ran."""


class Gauge(Protocol):
    """Where it is told how things stand."""

    def __call__(self, values: Mapping[str, float], *, service: str | None = None, **dimensions: str) -> None:
        """Publish values by name, of what the dimensions name; `service` is the consumer, or the function itself."""


_LEVELS = {
    # Its outcome has a line of its own, and every message pays for each.
    Action.STARTED: logging.DEBUG,
    Action.REFUSED: logging.WARNING,
    Action.NOT_QUEUED: logging.ERROR,
    Action.QUARANTINED: logging.WARNING,
    Action.PAUSED: logging.WARNING,
    Action.PURGED: logging.WARNING,
    Action.RETRY: logging.WARNING,
    Action.DEAD: logging.ERROR,
    Action.TROUBLE: logging.ERROR,
}


class PowertoolsLog:
    """Actions as lines of Powertools' Logger, at the level that it is set to.

    The handler's own words for a failure (`Retry`, `Reject`) need no stack trace; anything
    else is unexpected and gets one.
    """

    def __init__(self, service: str) -> None:
        # Imported here: declarations and tests that read `Action` don't pay for Powertools.
        from aws_lambda_powertools import Logger

        from headworks.log_line import LineFormatter

        self._keys = Logger(service=service, logger_formatter=LineFormatter())
        # Powertools keeps the formatter of whoever made a Logger of this service first.
        self._is_ours = isinstance(self._keys.registered_formatter, LineFormatter)
        # Powertools' methods ask whether a line is wanted after it was made, `logging` before.
        self._logger = logging.getLogger(service)

    def __call__(self, action: Action, *, error: BaseException | None = None, **fields: Any) -> None:
        level = _LEVELS.get(action, logging.INFO)
        if not self._logger.isEnabledFor(level):
            return
        told = {"action": str(action), **fields}
        if error is not None:
            told |= {"error_type": type(error).__name__, "error": str(error)[:LONGEST_ERROR]}
        unexpected = error is not None and not isinstance(error, HeadworksError)
        extra = (
            {FIELDS: told} if self._is_ours else {n: value for n, value in told.items() if value is not None}
        )
        self._logger.log(level, str(action), extra=extra, exc_info=error if unexpected else None)

    def wants(self, action: Action) -> bool:
        return self._logger.isEnabledFor(_LEVELS.get(action, logging.INFO))

    def begin(self, context: object) -> None:
        self._keys.append_keys(
            function_request_id=getattr(context, "aws_request_id", None), xray_trace_id=Settings().trace_id
        )

    def for_handler(self, **fields: Any) -> logging.LoggerAdapter[logging.Logger]:
        return HandlerLogger(self._logger, fields)


class HandlerLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines carry some fields, beside those that a line brings itself."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the fields to a line's own, which come first."""
        return msg, {**kwargs, "extra": {**(self.extra or {}), **(kwargs.get("extra") or {})}}


def powertools_counts(queue: str, consumer: str) -> Counts:
    """Outcomes as metrics in the embedded format, in the namespace `Headworks`, by queue and consumer."""
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

    def publish(outcomes: Mapping[str, int], durations_ms: Sequence[float]) -> None:
        # Given whole: `add_metric` publishes by itself at a hundred values, and leaves nothing to flush.
        metrics = {name: {"Unit": "Count", "Value": [count]} for name, count in outcomes.items()}
        if durations_ms:
            values = [round(duration, 2) for duration in durations_ms[:MOST_VALUES]]
            metrics["HandlerDuration"] = {"Unit": "Milliseconds", "Value": values}
        AmazonCloudWatchEMFProvider(
            namespace=NAMESPACE, service=consumer, metric_set=metrics, dimension_set={"queue": queue}
        ).flush_metrics()

    return publish


def powertools_gauge(values: Mapping[str, float], *, service: str | None = None, **dimensions: str) -> None:
    """How things stand, as metrics in the embedded format, by the dimensions that name what they are of."""
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

    AmazonCloudWatchEMFProvider(
        namespace=NAMESPACE,
        service=service,
        metric_set={name: {"Unit": "None", "Value": [value]} for name, value in values.items()},
        dimension_set=dimensions,
    ).flush_metrics()
