"""Editing dead letters, and deleting what is dead or waits."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from headworks.deduplication import Remembered
from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import Entry, Letter
from headworks.message import encode
from headworks.telemetry import Action
from tests.support.declarations import SECOND, a_message

ORDERS = Address("orders", "fulfil_order")
TELL = Address("facts", "tell_customer")
DAY = timedelta(days=1)


def edit(stand, document, *, name="msg_a", query="", queue="orders", **headers):
    return stand.ask("PUT", f"/queues/{queue}/messages/{name}/payload{query}", document, **headers)


def delete(stand, *, name="msg_a", query="", queue="orders"):
    return stand.ask("DELETE", f"/queues/{queue}/messages/{name}{query}")


def kept(stand, address=ORDERS, key="a"):
    letter, _ = stand.ledgers[address].letters[key]
    return json.loads(letter.body)


def accept(stand, key="a", message_id="msg_a", queue="orders"):
    """What the edge remembers of a message."""
    now = stand.clock.now()
    accepted = Remembered(message_id=message_id, accepted_at=now, window_ends=now + DAY)
    stand.memories[queue].remember({key: accepted})


def test_an_edited_dead_letter_keeps_all_but_its_payload(stand):
    message = a_message(b'{"n": 1}', subject="7", tenant="shop-1", idempotency_key="a")
    stand.bury("a", body=encode(message))

    answer = edit(stand, {"data": {"n": 2}}, headworks_operator="ada@desk")

    assert answer.status == 200
    assert answer.body["message"]["data"] == {"n": 2}
    before, after = json.loads(encode(message)), kept(stand)
    assert after == {**before, "data": {"n": 2}}
    assert answer.body["original"]["data"] == {"n": 1}
    assert answer.body["edited"] == {"at": "2026-01-01T00:00:01Z", "by": "ada@desk"}
    assert Action.EDITED in stand.log.actions


def test_a_body_that_nobody_could_read_becomes_a_message_of_its_key(stand):
    stand.bury("a", body="no event")

    assert edit(stand, {"data": {"n": 2}}).status == 200
    after = kept(stand)
    assert (after["id"], after["idempotencykey"], after["type"], after["source"]) == (
        "msg_a",
        "a",
        "order.placed",
        "shop",
    )
    assert after["data"] == {"n": 2}


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        (
            {"data": {"n": "two"}},
            "the payload: not a dict: Expected `int`, got `str` - at `$[...]`.",
        ),
        ({"data": None}, "the payload: not a dict: Expected `object`, got `null`."),
        ({"dataBase64": "AAEC"}, "the payload: not a dict"),
        ({"dataBase64": "not base64"}, "dataBase64 isn't base64"),
        ({"data": {}, "dataBase64": ""}, "give either data or dataBase64"),
        ({}, "give either data or dataBase64"),
        ({"dat": {}}, "dat in the body"),
        (b"[]", "The body is a JSON array; send an object."),
        (b'{"data": NaN}', "The body isn't JSON"),
        (b"{" * 100_000, "The body isn't JSON"),
        (b'{"data": %s%s}' % (b"[" * 100, b"]" * 100), "The body is nested deeper than 100 levels."),
        (b'{"data": %s%s}' % (b"[" * 500, b"]" * 500), "The body is nested deeper than 100 levels."),
        (b'{"data": %s}' % (b"1" * 4301), "The body isn't JSON"),
        (b"", "field required"),
    ],
)
def test_a_payload_that_isnt_the_queues_type_changes_nothing_and_is_told(stand, document, detail):
    stand.bury("a")
    before = kept(stand)

    answer = edit(stand, document)

    assert answer.status == 400
    assert detail in answer.body["detail"]
    assert kept(stand) == before


def test_only_a_dead_letter_can_be_changed(stand):
    stand.fail("a", due=SECOND)

    answer = edit(stand, {"data": {}})

    assert answer.status == 409
    assert answer.body["detail"] == (
        "'msg_a' is retrying with fulfil_order of orders: only a dead letter can be changed."
    )


def test_of_several_consumers_it_must_be_said_whose_is_meant(stand):
    stand.bury("a", consumer="tell_customer")

    for answer in (edit(stand, {"data": 1}, queue="facts"), delete(stand, queue="facts")):
        assert answer.status == 400
        assert "say which is meant, tell_customer or count_stock" in answer.body["detail"]
    assert edit(stand, {"data": 1}, queue="facts", query="?consumer=tell_customer").status == 200
    assert edit(stand, {"data": 1}, queue="facts", query="?consumer=count_stock").status == 404
    assert edit(stand, {"data": 1}, queue="facts", query="?consumer=nobody").status == 400


def test_an_unknown_message_is_404(stand):
    assert edit(stand, {"data": {}}).status == 404
    assert delete(stand).status == 404


def test_what_is_deleted_is_gone_and_its_key_may_be_sent_anew(stand):
    stand.bury("a")
    accept(stand)

    answer = delete(stand)

    assert answer.body == {
        "deleted": [{"queue": "orders", "consumer": "fulfil_order", "id": "msg_a", "was": "dead"}]
    }
    assert stand.ledgers[ORDERS].items == {}
    assert stand.memories["orders"].remembered["a"].forgotten
    assert Action.DELETED in stand.log.actions


def test_a_key_that_a_later_message_has_by_now_stays_that_ones(stand):
    stand.bury("a")
    accept(stand, message_id="msg_later")

    assert delete(stand).status == 200
    assert not stand.memories["orders"].remembered["a"].forgotten


def test_what_waits_can_be_deleted(stand):
    entry = Entry(key="a", message_id="msg_a", type="t", source="s")
    letter = Letter(body="{}", sent_at=stand.clock.now())
    stand.ledgers[ORDERS].hold(entry, letter, due=stand.clock.now() + DAY)

    assert delete(stand).body["deleted"][0]["was"] == "waiting"


def test_what_is_on_its_way_cant_be_deleted(stand):
    stand.fail("a", due=SECOND)

    answer = delete(stand)

    assert answer.status == 409
    assert "only a dead or a waiting message can be deleted" in answer.body["detail"]


def test_a_message_is_meant_by_its_id_before_a_key_that_looks_like_it(stand):
    stand.bury("msg_a", body='{"n": 0}')
    stand.bury("a")

    edit(stand, {"data": {"n": 2}})

    assert list(stand.ledgers[ORDERS].edited) == ["a"]


@pytest.mark.parametrize("operator", ["", "x" * 101, "a\x07b"])
def test_an_operators_name_is_printable_and_short(stand, operator):
    stand.bury("a")

    answer = edit(stand, {"data": {}}, headworks_operator=operator)

    assert answer.status == 400
    assert "headworks-operator in the header" in answer.body["detail"]
    assert stand.ledgers[ORDERS].edited == {}


def test_an_operators_name_may_hold_a_comma(stand):
    stand.bury("a")

    edit(stand, {"data": {}}, headworks_operator="Lovelace, Ada")

    assert stand.ledgers[ORDERS].edited["a"].by == "Lovelace, Ada"
