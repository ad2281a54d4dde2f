"""Where is my event?"""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import timedelta
from urllib.parse import quote

import pytest

from administer.stories import MOST_BYTES_SHOWN
from headworks.ledger.catalogue import Address
from headworks.operations.finding import Found, Received
from tests.support.declarations import SECOND

EVENT = '{"specversion":"1.0","id":"msg_a","source":"s","type":"t"'
ORDERS = Address("orders", "fulfil_order")


def received(clock, **fields):
    return Received(
        queue="orders",
        message_id="msg_a",
        key="a",
        accepted_at=clock.now(),
        repeats_until=clock.now() + timedelta(days=1),
        **fields,
    )


def stories(stand, name="a"):
    return tuple(stand.catalogue.find(name, list(stand.ledgers)))


def test_an_item_is_told_whole_with_its_history_and_its_message(stand):
    stand.bury(
        "a", body='{"specversion":"1.0","id":"msg_a","source":"shop","type":"order.placed","data":{"n":1}}'
    )
    stand.finder.known["a"] = Found(received=(received(stand.clock, source="shop"),), stories=stories(stand))

    found = stand.get("/messages/a").body

    [item] = found["items"]
    [failure] = item["history"]
    assert found["name"] == "a"
    assert found["received"][0]["acceptedAt"] == "2026-01-01T00:00:01Z"
    assert (item["state"], item["sentAt"]) == ("dead", "2026-01-01T00:00:01Z")
    assert (failure["errorType"], failure["stack"]) == ("ValueError", "line 1")
    assert item["message"]["data"] == {"n": 1}
    assert (item["original"], item["edited"], item["replayed"]) == (None, None, [])


def test_what_was_accepted_and_nothing_more_is_known_of_is_queued(stand):
    accepted = received(stand.clock, type="order.placed", source="shop")
    stand.finder.known["a"] = Found(received=(accepted,), queued=((ORDERS, accepted),))

    [item] = stand.get("/messages/a").body["items"]

    assert (item["id"], item["key"], item["state"], item["attempt"]) == ("msg_a", "a", "queued", 0)
    assert (item["type"], item["source"], item["at"], item["history"]) == ("order.placed", "shop", None, [])


def test_of_what_is_on_redis_or_done_with_there_it_is_said_that_it_was_accepted(stand):
    accepted = received(stand.clock)
    stand.finder.known["a"] = Found(accepted=((ORDERS, accepted),))

    [item] = stand.get("/messages/a").body["items"]

    assert (item["id"], item["consumer"], item["state"], item["attempt"]) == (
        "msg_a",
        "fulfil_order",
        "accepted",
        0,
    )


def test_what_could_not_be_asked_is_told_beside_what_is_known(stand):
    stand.finder.known["a"] = Found(received=(received(stand.clock),), trouble=("Redis is down.",))

    answer = stand.get("/messages/a")

    assert (answer.status, answer.body["trouble"]) == (200, ["Redis is down."])


@pytest.mark.parametrize("name", ["a/b", "a?b", "a,b", "a+b c", "\u00e4", "a%2Fb", 'a"b'])
def test_a_name_may_be_anything_in_the_query(stand, name):
    stand.finder.known[name] = Found(received=(received(stand.clock),))

    assert stand.get(f"/find?name={quote(name, safe='')}").body["name"] == name


def test_nothing_known_is_404(stand):
    for path in ("/messages/unheard-of", "/find?name=unheard-of"):
        answer = stand.get(path)

        assert (answer.status, answer.body["detail"]) == (404, "Nothing is known of 'unheard-of'.")


@pytest.mark.parametrize("query", ["", "?name=", f"?name={'x' * 3000}", "?nam=a"])
def test_what_is_no_name_is_400(stand, query):
    assert stand.get(f"/find{query}").status == 400


def test_the_ledger_not_answering_is_503(stand):
    stand.finder.down = True

    assert stand.get("/messages/a").status == 503


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("no event \udc80", {"text": "no event ?"}),
        ('{"n": NaN}', {"text": '{"n": NaN}'}),
    ],
)
def test_a_body_that_nobody_could_read_is_told_as_it_came(stand, body, told):
    stand.bury("a", body=body)
    stand.finder.known["a"] = Found(stories=stories(stand))

    assert stand.get("/messages/a").body["items"][0]["message"] == told


def test_a_payload_that_isnt_json_is_told_in_base64(stand):
    event = '{"specversion":"1.0","id":"m","source":"s","type":"t","datacontenttype":"image/png","data_base64":"AAEC"}'
    stand.bury("a", body=event)
    stand.finder.known["a"] = Found(stories=stories(stand))

    message = stand.get("/messages/a").body["items"][0]["message"]

    assert (message["dataContentType"], message["dataBase64"]) == ("image/png", "AAEC")
    assert "data" not in message


@pytest.mark.parametrize("levels", [99, 100, 101, 250, 300, 800])
def test_a_payload_nested_however_deep_is_told(stand, levels):
    data = "[" * levels + "]" * levels
    stand.bury("a", body=f'{EVENT},"data":{data}}}')
    stand.finder.known["a"] = Found(stories=stories(stand))

    answer = stand.get("/messages/a")

    assert answer.status == 200
    message = answer.body["items"][0]["message"]
    assert (
        json.dumps(message["data"]) == data
        if levels <= 100
        else b64decode(message["dataBase64"]) == data.encode()
    )


@pytest.mark.parametrize(
    "number", ["123456789012345678901234567890", "1" * 4300, "1" * 4301, "1e400", "-0.0"]
)
def test_a_number_however_large_is_told(stand, number):
    stand.bury("a", body=f'{EVENT},"data":{number}}}')
    stand.finder.known["a"] = Found(stories=stories(stand))

    answer = stand.get("/messages/a")

    assert answer.status == 200


@pytest.mark.parametrize("text", ["x", "\u4e16", '\\"', "\\\\", "\\u0007"])
def test_messages_that_an_answer_has_no_room_for_are_left_out_and_said_to_be(stand, text):
    for consumer, share in (("tell_customer", 0.9), ("count_stock", 0.2)):
        length = int(MOST_BYTES_SHOWN * share / len(json.dumps(text, ensure_ascii=False).encode()[1:-1]))
        data = text * length
        stand.bury("a", consumer=consumer, body=f'{EVENT},"data":"{data}"}}')
    stand.clock.advance(SECOND)
    stand.finder.known["a"] = Found(stories=stories(stand))

    first, second = stand.get("/messages/a").body["items"]

    assert "data" in first["message"]
    assert list(second["message"]) == ["missing"]
    assert "more than this answer has room for" in second["message"]["missing"]


def test_a_page_that_lambda_wouldnt_hand_on_is_refused_with_what_to_do(stand):
    for number in range(1000):
        stand.bury(str(number), error='"' * 4000)

    answer = stand.get("/queues/orders/messages?limit=1000")

    assert answer.status == 400
    assert "6 MB can be sent: ask for less" in answer.body["detail"]
    assert stand.get("/queues/orders/messages?limit=100").status == 200
