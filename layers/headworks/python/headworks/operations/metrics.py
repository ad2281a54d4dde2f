"""What CloudWatch tells of consumers: how old the oldest message is, and how many were done, retried and dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from headworks.chunks import chunks
from headworks.operations.control import Rates
from headworks.outcome import Dead, Done, Retry
from headworks.stores import asking
from headworks.telemetry import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Address
    from headworks.operations.directory import Place

MINUTE = timedelta(minutes=1)
WINDOW = 5 * MINUTE
# GetMetricData's own limit.
MOST_QUERIES = 500
_AGE = "age"
_OUTCOMES = {"done": Done.__name__, "retried": Retry.__name__, "dead": Dead.__name__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of one consumer; none where nothing is."""

    oldest_age: timedelta | None = None
    rates: Rates | None = None


class Metrics(Protocol):
    """Who knows metrics."""

    def of(self, places: Mapping[Address, Place]) -> Mapping[Address, Told]:
        """What is told of these consumers.  Raises `Unavailable`."""


class CloudWatchMetrics:
    """Metrics of SQS, and those that consumers publish; they lag by a minute or two."""

    def __init__(self, client: Any, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def of(self, places: Mapping[Address, Place]) -> Mapping[Address, Told]:
        asked = [
            (address, name, metric)
            for address, place in places.items()
            for name, metric in _metrics(address, place).items()
        ]
        values = self._values([metric for _, _, metric in asked])
        found = {(address, name): some for (address, name, _), some in zip(asked, values, strict=True)}
        # A consumer that was idle has published nothing, and where nobody has, nobody is listening.
        is_told = any(values)
        return {
            address: Told(
                oldest_age=_age(found[address, _AGE]),
                rates=_rates({name: found[address, name] for name in _OUTCOMES}) if is_told else None,
            )
            for address in places
        }

    def _values(self, metrics: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """Each one's values by the minute, the newest first."""
        values: list[list[float]] = [[] for _ in metrics]
        for some in chunks(enumerate(metrics), MOST_QUERIES):
            queries = [{"Id": f"m{index}", "MetricStat": {**metric, "Period": 60}} for index, metric in some]
            for result in self._results(queries):
                values[int(result["Id"][1:])] += result["Values"]
        return values

    def _results(self, queries: Sequence[Mapping[str, Any]]) -> list[Any]:
        now = self._clock.now().replace(second=0, microsecond=0)
        results: list[Any] = []
        more: dict[str, str] = {}
        while True:
            with asking("CloudWatch"):
                answer = self._client.get_metric_data(
                    MetricDataQueries=queries,
                    StartTime=now - WINDOW,
                    EndTime=now,
                    ScanBy="TimestampDescending",
                    **more,
                )
            results += answer["MetricDataResults"]
            if not answer.get("NextToken"):
                return results
            more = {"NextToken": answer["NextToken"]}


def _metrics(address: Address, place: Place) -> dict[str, dict[str, Any]]:
    ours = {"queue": address.queue, "service": address.consumer}
    age = _metric(
        "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": place.url.rpartition("/")[2]}, "Maximum"
    )
    return {
        _AGE: age,
        **{name: _metric(NAMESPACE, metric, ours, "Sum") for name, metric in _OUTCOMES.items()},
    }


def _metric(namespace: str, name: str, dimensions: Mapping[str, str], statistic: str) -> dict[str, Any]:
    return {
        "Metric": {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": each, "Value": value} for each, value in dimensions.items()],
        },
        "Stat": statistic,
    }


def _age(values: Sequence[float]) -> timedelta | None:
    return timedelta(seconds=values[0]) if values else None


def _rates(values: Mapping[str, Sequence[float]]) -> Rates:
    minutes = WINDOW / MINUTE
    return Rates(**{name: sum(some) / minutes for name, some in values.items()})
