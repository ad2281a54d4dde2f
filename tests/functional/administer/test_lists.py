"""Lists of what is dead, retrying, waiting or running."""

from __future__ import annotations

import pytest

from tests.support.declarations import SECOND


def test_a_queues_dead_letters_are_listed_newest_first_page_by_page(stand):
    for key in ("a", "b", "c"):
        stand.bury(key)

    first = stand.get("/queues/orders/messages?limit=2").body
    second = stand.get(f"/queues/orders/messages?limit=2&cursor={first['cursor']}").body

    assert [item["key"] for item in first["items"]] == ["c", "b"]
    assert [item["key"] for item in second["items"]] == ["a"]
    assert second["cursor"] is None


def test_an_item_says_what_lists_know_of_it(stand):
    stand.bury("a", tenant="shop-1", ordering_key="ada")

    [item] = stand.get("/queues/orders/messages").body["items"]

    assert item == {
        "id": "msg_a",
        "key": "a",
        "queue": "orders",
        "consumer": "fulfil_order",
        "state": "dead",
        "at": "2026-01-01T00:00:01Z",
        "reason": "rejected",
        "class": item["class"],
        "errorType": "ValueError",
        "error": "no such customer",
        "type": "order.placed",
        "source": "shop",
        "orderingKey": "ada",
        "tenant": "shop-1",
        "attempt": 1,
        "crashes": 0,
        "replays": 0,
    }


def test_all_queues_are_listed_together_or_one_consumer_alone(stand):
    stand.bury("a")
    stand.bury("b", consumer="tell_customer")
    stand.bury("b", consumer="count_stock")

    def listed(query):
        return [item["consumer"] for item in stand.get(query).body["items"]]

    assert listed("/messages") == ["count_stock", "tell_customer", "fulfil_order"]
    assert listed("/messages?consumer=tell_customer") == ["tell_customer"]
    assert listed("/queues/facts/messages") == ["count_stock", "tell_customer"]
    assert listed("/queues/facts/messages?consumer=count_stock") == ["count_stock"]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("error=customer", ["b", "a"]),
        ("error=Customer", []),
        ("errorType=ValueError&reason=rejected&reason=expired", ["b", "a"]),
        ("reason=expired", []),
        ("since=2026-01-01T00:00:02Z", ["b"]),
        ("until=2026-01-01T02:00:02%2B02:00", ["a"]),
        ("type=order.placed", ["b", "a"]),
        ("tenant=shop-1", ["a"]),
    ],
)
def test_a_list_takes_what_all_of_a_filter_is_true_of(stand, query, keys):
    stand.bury("a", tenant="shop-1")
    stand.bury("b")

    assert [item["key"] for item in stand.get(f"/queues/orders/messages?{query}").body["items"]] == keys


@pytest.mark.parametrize(("limit", "items"), [(0, 1), (-5, 1), (10**30, 3)])
def test_a_limit_is_clamped(stand, limit, items):
    for key in ("a", "b", "c"):
        stand.bury(key)

    assert len(stand.get(f"/queues/orders/messages?limit={limit}").body["items"]) == items


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        (
            "state=gone",
            "state in the query: 'gone' input should be 'dead', 'retrying', 'waiting' or 'running'.",
        ),
        ("limit=many", "limit in the query: 'many' input should be a valid integer"),
        ("since=2026-01-01T00:00:00", "since in the query: '2026-01-01T00:00:00' input should have timezone"),
        ("until=0001-01-01T00:00:00%2B14:00", "this time is outside of the years 1 to 9999"),
        ("since=1767225600", "write a time by ISO 8601"),
        ("reason=dull", "'dull' input should be 'exhausted', 'rejected'"),
        ("cursor=%7B%7D", "cursor"),
        ("consumer=nobody", "'nobody'"),
        ("key=", "key in the query: '' string should have at least 1 character"),
    ],
)
def test_what_cant_be_listed_is_400_and_says_why(stand, query, detail):
    for path in ("/messages", "/queues/orders/messages"):
        answer = stand.get(f"{path}?{query}")

        assert answer.status == 400
        assert detail in answer.body["detail"]


def test_equal_errors_are_grouped_the_largest_group_first_and_all_are_counted(stand):
    for number in range(3):
        stand.bury(f"a{number}", error=f"order {number} has no customer")
    stand.bury("b", error="the stock is empty")

    answer = stand.get("/queues/orders/messages?groups=true").body
    largest = stand.get("/queues/orders/messages?groups=true&limit=1").body

    assert (answer["items"], answer["cursor"], answer["total"], answer["totalIsExact"]) == ([], None, 4, True)
    assert [(group["count"], group["error"]) for group in answer["groups"]] == [
        (3, "order ... has no customer"),
        (1, "the stock is empty"),
    ]
    assert answer["groups"][0]["example"]["key"] == "a2"
    assert (largest["groups"], largest["total"]) == (answer["groups"][:1], 4)


def test_what_is_retrying_is_listed_by_its_time(stand):
    stand.fail("late", due=20 * SECOND)
    stand.fail("soon", due=10 * SECOND)

    items = stand.get("/queues/orders/messages?state=retrying").body["items"]

    assert [(item["key"], item["state"], item["reason"]) for item in items] == [
        ("soon", "retrying", None),
        ("late", "retrying", None),
    ]
