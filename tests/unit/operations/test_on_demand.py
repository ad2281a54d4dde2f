"""Processing on demand: what Lambda's mapping does, by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from headworks.brokers.record import delivery_of
from headworks.errors import Unavailable
from headworks.ledger.ledger import State
from headworks.operations.control import Fate, Processed
from headworks.operations.on_demand import DeployedOnDemand, failed_ids
from tests.support.controlled import FULFIL, ORDERS, POST, TOPOLOGY, Controlled, FakeLambda, plenty

THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow down"}}, "Invoke")


class Stand:
    def __init__(self):
        self.controlled = Controlled()
        self.lambda_ = FakeLambda(self.controlled)
        self.on_demand = DeployedOnDemand(
            TOPOLOGY,
            sqs=self.controlled.aws.client,
            invoking=self.lambda_,
            directory=self.controlled,
            log=self.controlled.log,
        )

    def process(self, batch_size=10, remaining=plenty, address=FULFIL):
        return self.on_demand.process(address, batch_size=batch_size, remaining=remaining)

    @property
    def left(self):
        return len(self.controlled.queues[FULFIL].messages)


@pytest.fixture
def stand():
    made = Stand()
    with made.controlled.aws:
        yield made


def test_what_is_done_is_deleted_and_what_failed_comes_back(stand):
    stand.controlled.send("good")
    stand.controlled.send("bad", fails=True)

    processed = stand.process()

    assert sorted(processed.fates.values()) == [Fate.DONE, Fate.FAILED]
    assert not processed.unfinished
    assert stand.controlled.done[FULFIL] == ["good"]
    assert stand.left == 1
    assert stand.controlled.ledgers[FULFIL].items["bad"].state is State.RETRYING


def test_the_function_gets_what_lambda_would_give_it(stand):
    stand.controlled.send("k")

    stand.process()

    [invoked] = stand.lambda_.invoked
    assert (invoked["function"].rpartition(":")[2], invoked["how"]) == ("fulfil_order", "RequestResponse")
    [record] = invoked["event"]["Records"]
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "us-east-1")
    assert record["eventSourceARN"] == stand.controlled.queues[FULFIL].arn
    delivery = delivery_of(record)
    assert (delivery.receive_count, delivery.sent_at) == (1, stand.controlled.clock.now())


def test_no_more_are_taken_than_were_asked_for_or_than_the_function_has_time_for(stand):
    for n in range(15):
        stand.controlled.send(f"k{n}")

    assert len(stand.process(batch_size=3).fates) == 3
    assert len(stand.process(batch_size=100).fates) == ORDERS.batch_size


def test_what_stands_behind_a_failure_in_its_order_is_not_run_and_comes_back(stand):
    for key, lane in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b")):
        stand.controlled.send(key, address=POST, lane=lane, fails=key == "a1")

    processed = stand.process(address=POST)

    assert sorted(processed.fates.values()) == [Fate.DONE, Fate.DONE, Fate.FAILED, Fate.FAILED]
    assert stand.controlled.done[POST] == ["b1", "b2"]
    left = [each.body for each in stand.controlled.queues[POST].messages]
    assert [key for key in ("a1", "a2") if any(f'"{key}"' in body for body in left)] == ["a1", "a2"]


def test_on_an_empty_queue_nobody_is_invoked(stand):
    assert stand.process() == Processed(fates={})
    assert stand.lambda_.invoked == []


def test_what_takes_longer_than_anybody_waits_goes_on(stand):
    stand.controlled.send("k")
    stand.lambda_.fails_with = ReadTimeoutError(endpoint_url="here")

    processed = stand.process()

    assert (list(processed.fates.values()), processed.unfinished) == ([Fate.UNKNOWN], True)
    assert stand.controlled.done[FULFIL] == ["k"]
    assert stand.left == 1


@pytest.mark.parametrize("error", [THROTTLED, EndpointConnectionError(endpoint_url="here")])
def test_where_the_function_cannot_be_invoked_the_messages_are_given_back_at_once(stand, error):
    stand.controlled.send("k")
    stand.lambda_.fails_with = error

    with pytest.raises(Unavailable, match="fulfil_order"):
        stand.process()

    stand.lambda_.fails_with = None
    assert list(stand.process().fates.values()) == [Fate.DONE]


def test_a_function_that_fails_has_done_nothing_that_is_known_of(stand):
    stand.controlled.send("k")
    stand.lambda_.crashes = True

    assert list(stand.process().fates.values()) == [Fate.FAILED]
    assert stand.left == 1


def test_an_answer_that_is_no_json_fails_the_batch(stand):
    stand.controlled.send("k")
    stand.lambda_.answers = b"done!"

    assert list(stand.process().fates.values()) == [Fate.FAILED]


@pytest.mark.parametrize(("left", "waits"), [(29, 22), (25, 22), (12, 9), (2, 1)])
def test_nobody_waits_longer_than_the_request_may_take(stand, left, waits):
    stand.controlled.send("k")

    stand.process(remaining=lambda: timedelta(seconds=left))

    assert stand.lambda_.waits == [waits]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ("", set()),
        ({}, set()),
        ([], set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "c"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"id": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
        ({"batchItemFailures": "a"}, {"a", "b"}),
        ("a", {"a", "b"}),
        (7, {"a", "b"}),
    ],
)
def test_an_answer_is_read_as_lambda_reads_it(answer, failed):
    assert failed_ids(answer, ["a", "b"]) == failed
