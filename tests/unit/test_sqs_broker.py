"""SQS's own limits and ways of failing, against a client that plays them."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import chain

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from headworks import outcome
from headworks.brokers.broker import Delivery, Resending, Settled
from headworks.brokers.record import KNOWN_AS
from headworks.brokers.sqs import SqsBroker
from headworks.errors import InvalidMessage
from headworks.ledger.ledger import Letter
from headworks.queue import MAX_MESSAGE_BYTES
from headworks.telemetry import Action
from headworks.testing.clock import NEW_YEAR
from headworks.testing.log import RecordingLog
from tests.support.declarations import SECOND, a_message, a_queue


class FakeSqs:
    """Takes batches and refuses what it is told to, by the message's key: once a listed number of times."""

    def __init__(self, *, throttle=None, refuse=(), down=False):
        self.calls = []
        self.hidden = []
        self.deleted = []
        self.throttle = dict(throttle or {})
        self.refuse = set(refuse)
        self.down = down

    def send_message_batch(self, *, QueueUrl, Entries):  # noqa: N803 - boto3's names
        if self.down:
            raise EndpointConnectionError(endpoint_url=QueueUrl)
        assert len(Entries) <= 10
        assert sum(len(entry["MessageBody"].encode()) for entry in Entries) <= MAX_MESSAGE_BYTES
        self.calls.append((QueueUrl, Entries))
        failed = [failure for entry in Entries if (failure := self._failure(entry))]
        return {"Failed": failed}

    def change_message_visibility_batch(self, *, QueueUrl, Entries):  # noqa: N803
        if self.down:
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "ChangeMessageVisibilityBatch")
        assert len(Entries) <= 10
        self.hidden += [(entry["ReceiptHandle"], entry["VisibilityTimeout"]) for entry in Entries]
        gone = [entry for entry in Entries if "gone" in entry["ReceiptHandle"]]
        return {
            "Failed": [
                {"Id": e["Id"], "SenderFault": True, "Code": "InvalidReceipt", "Message": "x"} for e in gone
            ]
        }

    def delete_message_batch(self, *, QueueUrl, Entries):  # noqa: N803
        assert len(Entries) <= 10
        self.deleted += [entry["ReceiptHandle"] for entry in Entries]
        gone = [entry for entry in Entries if "gone" in entry["ReceiptHandle"]]
        return {
            "Failed": [
                {"Id": e["Id"], "SenderFault": True, "Code": "InvalidReceipt", "Message": "x"} for e in gone
            ]
        }

    @property
    def sent(self):
        return [[key_of(entry) for entry in entries] for _, entries in self.calls]

    @property
    def arrived(self):
        return list(chain.from_iterable(self.sent))

    def _failure(self, entry):
        key = key_of(entry)
        if key in self.refuse:
            return {"Id": entry["Id"], "SenderFault": True, "Code": "Invalid", "Message": "refused"}
        if self.throttle.get(key, 0) > 0:
            self.throttle[key] -= 1
            return {"Id": entry["Id"], "SenderFault": False, "Code": "Throttled", "Message": "slow down"}
        return None


def key_of(entry):
    try:
        return json.loads(entry["MessageBody"]).get("idempotencykey")
    except ValueError:
        return None


def a_broker(client, *, log=None, **fields):
    queue = a_queue(**fields)
    return SqsBroker(
        queue, client, url="queue", dead_letter_url="dead", log=log or RecordingLog(), pause=lambda _: None
    )


def messages(*keys, **fields):
    return [a_message(idempotency_key=key, **fields) for key in keys]


def test_sends_go_out_ten_at_a_time():
    client = FakeSqs()

    a_broker(client).send(messages(*(f"k{n}" for n in range(23))))

    assert [len(call) for call in client.sent] == [10, 10, 3]


def test_a_call_carries_a_mebibyte_at_most():
    client = FakeSqs()
    half = b'"' + b"x" * 500_000 + b'"'

    a_broker(client).send([a_message(half, idempotency_key=f"k{n}") for n in range(5)])

    assert client.sent == [["k0", "k1"], ["k2", "k3"], ["k4"]]


def test_failed_entries_alone_are_sent_again():
    client = FakeSqs(throttle={"b": 1})

    sent = a_broker(client).send(messages("a", "b", "c"))

    assert client.sent == [["a", "b", "c"], ["b"]]
    assert [each.error for each in sent] == [None, None, None]


def test_what_keeps_failing_carries_its_error_and_leaves_the_others_alone():
    sent = a_broker(FakeSqs(throttle={"b": 99}, refuse={"c"})).send(messages("a", "b", "c"))

    assert [each.error for each in sent] == [None, "Throttled: 'slow down'", "Invalid: 'refused'"]


def test_a_refusal_that_is_our_fault_is_not_sent_again():
    client = FakeSqs(throttle={"b": 1}, refuse={"c"})

    sent = a_broker(client).send(messages("a", "b", "c"))

    assert client.sent == [["a", "b", "c"], ["b"]]
    assert [bool(each.error) for each in sent] == [False, False, True]


def test_a_call_holds_one_message_of_an_ordering_key():
    client = FakeSqs()
    ordered = [a_message(idempotency_key=f"{key}{n}", ordering_key=key) for n in range(3) for key in "ab"]

    a_broker(client, fifo=True).send(ordered)

    assert client.sent == [["a0", "b0"], ["a1", "b1"], ["a2", "b2"]]


def test_after_a_failure_nothing_of_its_ordering_key_overtakes_it():
    client = FakeSqs(throttle={"a0": 99})
    ordered = [a_message(idempotency_key=f"{key}{n}", ordering_key=key) for n in range(2) for key in "ab"]

    sent = a_broker(client, fifo=True).send(ordered)

    assert [bool(each.error) for each in sent] == [True, False, True, False]
    assert "a1" not in client.arrived


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 400_000)), max_size=30))
def test_order_within_a_key_survives_any_mix_of_sizes(plan):
    client = FakeSqs()
    ordered = [
        a_message(b'"' + b"x" * size + b'"', idempotency_key=f"{key}{n:02}", ordering_key=key)
        for n, (key, size) in enumerate(plan)
    ]

    a_broker(client, fifo=True).send(ordered)

    arrived = client.arrived
    assert sorted(arrived) == sorted(message.idempotency_key for message in ordered)
    for key in "abc":
        of_key = [name for name in arrived if name[0] == key]
        assert of_key == sorted(of_key)


def test_a_fifo_message_without_an_ordering_key_is_an_error_and_nothing_is_sent():
    client = FakeSqs()

    with pytest.raises(InvalidMessage, match="ordering key"):
        a_broker(client, fifo=True).send([a_message(ordering_key="a"), a_message()])
    assert client.calls == []


def test_a_tenant_is_the_message_group_of_a_standard_queue():
    client = FakeSqs()

    a_broker(client).send([a_message(tenant="acme"), a_message(tenant="ümlaut"), a_message()])

    groups = [entry.get("MessageGroupId") for entry in client.calls[0][1]]
    assert groups[0] == "acme"
    assert len(groups[1]) == 64
    assert groups[2] is None


def test_the_same_message_sent_again_has_the_same_deduplication_id():
    client = FakeSqs()
    message = a_message(ordering_key="a")
    broker = a_broker(client, fifo=True)

    broker.send([message])
    broker.send([message])

    first, second = (entries[0]["MessageDeduplicationId"] for _, entries in client.calls)
    assert first == second


@pytest.mark.parametrize("seconds", [-1, 901])
def test_a_delay_that_sqs_does_not_take_is_refused(seconds):
    with pytest.raises(InvalidMessage, match=f"{seconds} s"):
        a_broker(FakeSqs()).send(messages("a"), delay=timedelta(seconds=seconds))


def test_no_message_of_a_fifo_queue_is_delayed():
    with pytest.raises(InvalidMessage, match="ordered"):
        a_broker(FakeSqs(), fifo=True).send(messages("a", ordering_key="k"), delay=SECOND)


def test_a_message_over_a_mebibyte_is_refused_before_anything_is_sent():
    client = FakeSqs()

    with pytest.raises(InvalidMessage, match="1,048,576"):
        a_broker(client).send([a_message(), a_message(b'"' + b"x" * 2**20 + b'"')])
    assert client.calls == []


def settled(name, verdict, body="{}"):
    delivery = Delivery(id=name, body=body, receipt=name, receive_count=3, sent_at=NEW_YEAR)
    return Settled(delivery=delivery, outcome=verdict)


def test_waits_are_set_to_the_second():
    client = FakeSqs()

    kept = a_broker(client).settle(
        [settled(f"m{n}", outcome.Retry(after=n * SECOND, error=Exception())) for n in range(12)]
    )

    assert client.hidden == [(f"m{n}", n) for n in range(12)]
    assert len(kept) == 12


def test_a_message_whose_visibility_cannot_be_changed_stays_and_is_told():
    log = RecordingLog()

    kept = a_broker(FakeSqs(), log=log).settle(
        [
            settled("gone", outcome.Defer(after=SECOND, why="x")),
            settled("here", outcome.Defer(after=SECOND, why="x")),
        ]
    )

    assert kept == {"gone", "here"}
    assert log.actions == [Action.TROUBLE]


def test_what_is_done_is_deleted_ten_at_a_time_and_what_cannot_be_is_told():
    client, log = FakeSqs(), RecordingLog()

    a_broker(client, log=log).delete(
        [settled(f"m{n}", outcome.Done()).delivery for n in range(11)]
        + [settled("gone", outcome.Done()).delivery]
    )

    assert len(client.deleted) == 12
    assert log.actions == [Action.TROUBLE]


def test_a_quarantined_event_says_why():
    client = FakeSqs()

    a_broker(client).bury(a_message(), reason="quarantined", error="no type \x00")

    [(url, [entry])] = client.calls
    values = {name: each["StringValue"] for name, each in entry["MessageAttributes"].items()}
    assert url == "dead"
    assert (values["reason"], values["error"]) == ("quarantined", "no type \ufffd")


def test_another_sending_of_a_fifo_message_is_not_swallowed():
    client = FakeSqs()
    letter = Letter(body="{}", sent_at=NEW_YEAR, ordering_key="a")
    broker = a_broker(client, fifo=True)

    for sending in (1, 2, 2):
        broker.resend("m", letter, delay=0 * SECOND, sending=sending)

    first, second, again = (entries[0]["MessageDeduplicationId"] for _, entries in client.calls)
    assert first != second
    assert second == again


def test_a_kept_message_takes_its_place_behind_its_ordering_key():
    client = FakeSqs()
    broker = a_broker(client, fifo=True)

    broker.resend("m", Letter(body="{}", sent_at=NEW_YEAR, ordering_key="ada"), delay=0 * SECOND, sending=1)

    assert client.calls[0][1][0]["MessageGroupId"] == "ada"


def test_a_kept_message_comes_back_to_the_second():
    client = FakeSqs()

    a_broker(client).resend("m", Letter(body="{}", sent_at=NEW_YEAR), delay=41.2 * SECOND, sending=1)

    assert client.calls[0][1][0]["DelaySeconds"] == 42


def test_messages_that_are_put_back_go_ten_a_call_and_keep_their_order():
    client = FakeSqs()

    assert a_broker(client).resend_all([again(f"m{n}") for n in range(23)]) == [None] * 23

    assert [len(entries) for _, entries in client.calls] == [10, 10, 3]
    bodies = [entry["MessageBody"] for _, entries in client.calls for entry in entries]
    assert bodies == [f"m{n}" for n in range(23)]


def test_another_replay_of_a_fifo_message_is_not_swallowed():
    client = FakeSqs()
    broker = a_broker(client, fifo=True)

    for sending in ("replay/1/a", "replay/1/b", "replay/1/b"):
        broker.resend_all([again("m", sending=sending)])
    broker.resend_all([again("other", sending="replay/1/a")])

    first, second, repeated, other = (entries[0]["MessageDeduplicationId"] for _, entries in client.calls)
    assert len({first, second, other}) == 3
    assert second == repeated
    assert {entries[0]["MessageGroupId"] for _, entries in client.calls} == {"ada"}


def test_of_an_ordering_key_one_goes_in_a_call():
    client = FakeSqs()

    a_broker(client, fifo=True).resend_all([again(f"m{n}") for n in range(3)])

    assert [len(entries) for _, entries in client.calls] == [1, 1, 1]


def test_what_is_put_back_is_shared_out_by_tenant():
    client = FakeSqs()

    a_broker(client).resend_all([again("m", tenant="acme"), again("n")])

    assert [entry.get("MessageGroupId") for entry in client.calls[0][1]] == ["acme", None]


def test_a_body_that_names_nobody_travels_with_its_name():
    client = FakeSqs()

    a_broker(client).resend_all([again("m"), again("n", names_itself=False)])

    first, second = client.calls[0][1]
    assert "MessageAttributes" not in first
    assert second["MessageAttributes"][KNOWN_AS]["StringValue"] == "n"


def again(name, **fields):
    letter = Letter(body=name, sent_at=NEW_YEAR, ordering_key="ada")
    return Resending(**{"name": name, "letter": letter, "sending": "replay/1/a", **fields})
