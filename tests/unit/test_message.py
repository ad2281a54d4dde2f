"""The message: CloudEvents out, anything in."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.errors import InvalidMessage, Undecodable
from headworks.fingerprint import bits_of, fingerprint, made_at, new_message_id
from headworks.message import Carrier, decode, encode, new_message
from headworks.testing.clock import NEW_YEAR, MovingClock

CARRIER = Carrier(queue="orders", id="sqs-1", sent_at=NEW_YEAR)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=10,
)


def a_message(data=b"{}", **fields):
    return new_message(data, **{"source": "shop", "type": "order.placed", "clock": MovingClock(), **fields})


def test_what_is_sent_is_a_cloudevent():
    message = a_message(b'{"n": 1}', idempotency_key="k", ordering_key="c1", tenant="t", subject="o1")

    wire = json.loads(encode(message))

    assert wire.pop("traceparent") == message.traceparent
    assert wire == {
        "specversion": "1.0",
        "id": message.id,
        "source": "shop",
        "type": "order.placed",
        "time": "2026-01-01T00:00:00Z",
        "subject": "o1",
        "datacontenttype": "application/json",
        "data": {"n": 1},
        "idempotencykey": "k",
        "partitionkey": "c1",
        "tenant": "t",
    }


@given(json_values)
def test_json_data_travels_byte_for_byte(value):
    data = json.dumps(value, indent=1).encode()

    assert decode(encode(a_message(data)), carrier=CARRIER).data == data


@given(st.binary())
def test_any_other_data_travels_byte_for_byte(data):
    message = a_message(data, data_content_type="application/octet-stream")

    assert decode(encode(message), carrier=CARRIER) == message


def test_characters_that_sqs_refuses_travel_as_escapes():
    data = '{"s": "\ufffe\uffff\x7f"}'.encode()

    body = encode(a_message(data))

    assert not re.search("[\ufffe\uffff]", body)
    assert json.loads(decode(body, carrier=CARRIER).data) == {"s": "\ufffe\uffff\x7f"}


def test_a_round_trip_keeps_every_attribute():
    message = a_message(expires_at=NEW_YEAR + timedelta(hours=1), ordering_key="a", tenant="b", subject="c")

    assert decode(encode(message), carrier=CARRIER) == message


def test_ids_sort_by_time():
    ids = [new_message_id(NEW_YEAR + timedelta(milliseconds=n)) for n in range(50)]

    assert ids == sorted(ids)
    assert len({id_[-20:] for id_ in ids}) == 50


def test_the_id_of_a_keyed_message_holds_its_fingerprint_and_its_time():
    message = a_message(queue="orders", idempotency_key="k")

    assert bits_of(message.id) == fingerprint("orders", "k")
    assert made_at(message.id) == message.time
    assert UUID(message.id.removeprefix("msg_")).version == 7
    assert fingerprint("orders", "k") not in {fingerprint("order", "sk"), fingerprint("orders", "l")}


def test_ids_without_a_key_are_random():
    assert bits_of(a_message(queue="orders").id) != bits_of(a_message(queue="orders").id)


@pytest.mark.parametrize(
    "name", ["", "k", "msg_1", f"msg_{'0' * 32}", f"msg_{'f' * 33}", "0190f3c5-9d7a-7c55-8a1f-0123456789ab"]
)
def test_a_name_that_is_no_id_of_ours_has_no_fingerprint(name):
    assert (bits_of(name), made_at(name)) == (None, None)


def test_a_message_without_a_key_is_its_own_effect():
    message = a_message()

    assert message.idempotency_key == message.id


@pytest.mark.parametrize(
    "body", ['{"order": 7}', "[1, 2]", "plain words", "", "\ud800", '{"specversion": null}']
)
def test_a_body_that_is_no_cloudevent_is_the_payload_itself(body):
    message = decode(body, carrier=CARRIER)

    assert message.data == body.encode("utf-8", "surrogatepass")
    assert (message.id, message.idempotency_key, message.source, message.time) == (
        "sqs-1",
        "sqs-1",
        "orders",
        NEW_YEAR,
    )


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"order": {"id": "o-7"}}', "o-7"),
        ('{"order": {"id": 7}}', "7"),
        ('{"order": {"id": true}}', "sqs-1"),
        ('{"order": [1]}', "sqs-1"),
        ("not json", "sqs-1"),
    ],
)
def test_a_declared_path_gives_a_plain_body_its_key(body, key):
    assert decode(body, carrier=CARRIER, key_path="order.id").idempotency_key == key


def test_sns_wrapping_is_unwrapped_around_a_plain_body():
    body = json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": '{"order": 7}'})

    assert decode(body, carrier=CARRIER).data == b'{"order": 7}'


def test_sns_wrapping_is_unwrapped_around_a_cloudevent():
    message = a_message(b'{"n": 1}')
    body = json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": encode(message)})

    assert decode(body, carrier=CARRIER) == message


@pytest.mark.parametrize(
    "body",
    [
        '{"specversion": "1.0"}',
        '{"specversion": 1, "id": "a", "source": "b", "type": "c"}',
        '{"specversion": "2.0", "id": "a", "source": "b", "type": "c"}',
        '{"specversion": "1.0", "id": "", "source": "b", "type": "c"}',
        '{"specversion": "1.0", "id": 5, "source": "b", "type": "c"}',
        '{"specversion": "1.0", "id": "a", "source": "b", "type": "c", "time": "yesterday"}',
    ],
)
def test_a_broken_cloudevent_is_undecodable(body):
    with pytest.raises(Undecodable, match="orders: "):
        decode(body, carrier=CARRIER)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "1" * 4_301,
        '{"a":' * 100_000,
        '{"specversion": "1.0", "data": ' + "[" * 100_000,
        "NaN",
        '"\\ud800"',
    ],
)
def test_hostile_json_is_a_payload_or_undecodable_and_nothing_worse(body):
    with contextlib.suppress(Undecodable):
        decode(body, carrier=CARRIER, key_path="a.b")


def test_a_cloudevent_of_somebody_elses_with_text_data():
    body = (
        '{"specversion": "1.0", "id": "a", "source": "b", "type": "c", '
        '"datacontenttype": "text/plain", "data": "h\\u00e9"}'
    )

    assert decode(body, carrier=CARRIER).data == "hé".encode()


def test_an_expiry_without_a_zone_is_utc():
    body = (
        '{"specversion": "1.0", "id": "a", "source": "b", "type": "c", "expirytime": "2026-01-01T00:00:00"}'
    )

    assert decode(body, carrier=CARRIER).expires_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idempotency_key", ""),
        ("idempotency_key", " k"),
        ("source", ""),
        ("tenant", "t" * 1025),
        ("ordering_key", "\ud800"),
    ],
)
def test_a_name_that_no_store_takes_is_refused_with_its_value(field, value):
    with pytest.raises(InvalidMessage, match=re.escape(repr(value)[:20])):
        a_message(**{field: value})


def test_data_that_is_not_the_json_it_says_is_refused():
    with pytest.raises(InvalidMessage, match="application/json"):
        encode(a_message(b"{"))
