"""What CloudWatch tells, read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.operations.control import Rates
from headworks.operations.directory import Place
from headworks.operations.metrics import CloudWatchMetrics, Told

FULFIL = Address("orders", "fulfil_order")
PLACE = Place(
    url="https://sqs.example/1/Orders.fifo", arn="a", dead_letter_url="d", function="f", mapping="m"
)


class FakeCloudWatch:
    """Answers with values by the metric's name, in pages of one result."""

    def __init__(self, **values):
        self.values = values
        self.asked = []

    def get_metric_data(self, *, MetricDataQueries, StartTime, EndTime, ScanBy, NextToken="0"):  # noqa: N803
        self.asked.append((StartTime, EndTime, ScanBy))
        index = int(NextToken)
        query = MetricDataQueries[index]
        metric = query["MetricStat"]["Metric"]
        self.dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        result = {"Id": query["Id"], "Values": self.values.get(metric["MetricName"], [])}
        more = {"NextToken": str(index + 1)} if index + 1 < len(MetricDataQueries) else {}
        return {"MetricDataResults": [result], **more}


def told(clock, **values):
    return CloudWatchMetrics(FakeCloudWatch(**values), clock=clock).of({FULFIL: PLACE})[FULFIL]


def test_the_age_is_the_newest_and_rates_are_by_the_minute(clock):
    assert told(clock, ApproximateAgeOfOldestMessage=[90.0, 30.0], Done=[5.0, 5.0], Retry=[1.0]) == Told(
        oldest_age=timedelta(seconds=90), rates=Rates(done=2.0, retried=0.2, dead=0.0)
    )


def test_where_nobody_publishes_nothing_is_told(clock):
    assert told(clock) == Told()


def test_an_idle_consumer_has_done_nothing(clock):
    assert told(clock, ApproximateAgeOfOldestMessage=[0.0]).rates == Rates(done=0, retried=0, dead=0)


def test_the_last_five_whole_minutes_are_asked_for(clock):
    client = FakeCloudWatch()
    clock.advance(timedelta(seconds=30))

    CloudWatchMetrics(client, clock=clock).of({FULFIL: PLACE})

    for start, end, scanned in client.asked:
        assert (end - start, end.second, scanned) == (timedelta(minutes=5), 0, "TimestampDescending")


def test_moto_takes_the_question(aws, clock):
    assert CloudWatchMetrics(aws("cloudwatch"), clock=clock).of({FULFIL: PLACE}) == {FULFIL: Told()}


def test_nobody_to_ask_about_is_nothing_to_ask(aws, clock):
    assert CloudWatchMetrics(aws("cloudwatch"), clock=clock).of({}) == {}


def test_a_cloudwatch_that_does_not_answer_is_unavailable(clock):
    client = FakeCloudWatch()

    def fail(**_):
        raise EndpointConnectionError(endpoint_url="here")

    client.get_metric_data = fail

    with pytest.raises(Unavailable):
        CloudWatchMetrics(client, clock=clock).of({FULFIL: PLACE})
