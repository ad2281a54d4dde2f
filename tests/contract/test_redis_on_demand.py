"""Messages on Redis are processed when an operator asks for it, by the consumer's own drain."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from headworks.errors import Reject, Unavailable
from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import State
from headworks.operations.control import Fate, Processed
from headworks.operations.directory import Place
from headworks.operations.on_demand import DeployedOnDemand
from headworks.testing import SimulatedAws
from headworks.topology import Topology
from tests.support.redis_drain import Drained, ForAWhile

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


class Stand:
    """A queue on Redis, and an operator who has its messages processed."""

    def __init__(self, server, clock, log, handle, aws, **declared):
        self.drained = Drained(server, clock, log, handle, **declared)
        self.address = Address(self.drained.queue.name, *self.drained.queue.consumers)
        self.on_sqs = aws.queue_for(self.drained.queue)
        self.invoked, self.crashes, self.is_slow = [], False, False
        self._sqs = aws.client
        self._on_demand = DeployedOnDemand(
            Topology(queues=(self.drained.queue,)),
            sqs=aws.client,
            invoking=lambda _: self,
            directory=self,
            log=log,
        )

    def places(self):
        """The directory."""
        url, arn = self.on_sqs.url, self.on_sqs.arn
        return {
            self.address: Place(
                url=url,
                arn=arn,
                dead_letter_url=url,
                function=f"{ARN}consumer",
                mapping="m",
                drain=f"{ARN}drain",
            )
        }

    def invoke(self, *, FunctionName, InvocationType, Payload):  # noqa: N803 - boto3's names
        """Lambda: both functions run the same code."""
        assert InvocationType == "RequestResponse"
        self.invoked.append(FunctionName.removeprefix(ARN))
        if self.crashes:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "no"}')}
        answer = self.drained.consumer(json.loads(Payload), ForAWhile(30))
        if self.is_slow:
            raise ReadTimeoutError(endpoint_url="here")
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def send_over_sqs(self, body):
        self._sqs.send_message(QueueUrl=self.on_sqs.url, MessageBody=body)

    def process(self, most=10):
        return self._on_demand.process(self.address, batch_size=most, remaining=lambda: timedelta(seconds=25))


@pytest.fixture
def make(newest_server, clock, log):
    made = []
    with SimulatedAws() as aws:

        def make(handle, **options):
            made.append(Stand(newest_server, clock, log, handle, aws, **options))
            return made[-1]

        yield make
    for each in made:
        each.drained.close()


def test_as_many_as_were_asked_for_are_processed_and_the_rest_stays(make):
    seen = []
    stand = make(lambda message: seen.append(message.data["n"]))
    ids = [each.message_id for each in stand.drained.send("a", "b", "c")]

    processed = stand.process(most=2)

    assert processed == Processed(fates=dict.fromkeys(ids[:2], Fate.DONE))
    assert sorted(seen) == ["a", "b"]
    assert stand.drained.left() == (1, 0, 0)
    assert stand.invoked == ["drain"]


def test_what_fails_waits_or_is_dead_and_is_told_as_failed(make):
    def handle(message):
        if message.data["n"] == "bad":
            raise RuntimeError("no")
        if message.data["n"] == "worse":
            raise Reject("no")

    stand = make(handle)
    sent = dict(zip(("good", "bad", "worse"), stand.drained.send("good", "bad", "worse"), strict=True))

    fates = stand.process().fates

    assert {key: fates[each.message_id] for key, each in sent.items()} == {
        "good": Fate.DONE,
        "bad": Fate.FAILED,
        "worse": Fate.FAILED,
    }
    assert stand.drained.left() == (0, 0, 1)
    assert [item.state for item in stand.drained.ledger.items.values()] == [State.DEAD]


def test_a_paused_consumers_messages_are_processed_too(make):
    seen = []
    stand = make(lambda message: seen.append(message.data["n"]), paused=True)
    stand.drained.send("a")
    stand.drained.pause()
    stand.drained.drain()
    assert stand.drained.left() == (1, 0, 0)

    stand.process()

    assert seen == ["a"]
    assert stand.drained.left() == (0, 0, 0)
    assert stand.drained.figures().paused is not None


def test_a_handler_of_batches_gets_them_together(make):
    pages = []
    stand = make(lambda messages: pages.append([each.data["n"] for each in messages]), in_batches=True)
    stand.drained.send("a", "b")

    assert len(stand.process().fates) == 2
    assert [sorted(each) for each in pages] == [["a", "b"]]


def test_of_a_line_no_more_go_than_were_asked_for_and_in_their_order(make):
    seen = []
    stand = make(lambda message: seen.append(message.data["n"]), fifo=True)
    stand.drained.send(*"abcde", ordering_key="one")

    taken = [len(stand.process(most=2).fates) for _ in range(4)]

    assert seen == list("abcde")
    assert sum(taken) == 5
    assert max(taken) <= 2
    assert stand.drained.left() == (0, 0, 0)


def test_of_a_line_what_stands_behind_a_failure_stays_there(make):
    seen = []

    def handle(message):
        if message.data["n"] == "c" and "c" not in seen:
            seen.append("c")
            raise RuntimeError("no")
        seen.append(message.data["n"])

    stand = make(handle, fifo=True)
    stand.drained.send(*"abcde", ordering_key="one")
    for _ in range(3):
        stand.process()
    assert seen == list("abc")

    stand.drained.let_waits_end()
    for _ in range(3):
        stand.process()

    assert seen == list("abccde")
    assert stand.drained.left() == (0, 0, 0)


def test_a_suspect_is_processed_alone(make):
    pages = []
    stand = make(lambda messages: pages.append([each.data["n"] for each in messages]), in_batches=True)
    stand.drained.send("a")
    stand.drained.take()
    stand.drained.let_leases_run_out()
    stand.drained.send("b")

    stand.process()
    stand.process()

    assert pages == [["a"], ["b"]]


def test_where_redis_has_nothing_what_was_sent_over_sqs_before_is_processed(make):
    stand = make(lambda _: None)

    assert stand.process() == Processed(fates={})
    assert stand.invoked == ["drain"]

    stand.send_over_sqs("{}")
    assert len(stand.process().fates) == 1
    assert stand.invoked == ["drain", "drain", "consumer"]


def test_a_drain_that_takes_longer_than_anybody_waits_goes_on(make):
    stand = make(lambda _: None)
    stand.drained.send("a")
    stand.is_slow = True

    assert stand.process() == Processed(fates={}, unfinished=True)
    assert stand.drained.left() == (0, 0, 0)


def test_a_drain_that_crashes_is_no_answer(make):
    stand = make(pytest.fail)
    stand.drained.send("a")
    stand.crashes = True

    with pytest.raises(Unavailable, match="drain"):
        stand.process()
    assert stand.drained.left() == (1, 0, 0)
