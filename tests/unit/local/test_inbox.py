"""The inbox plays the subscriber: it keeps every byte and answers as it is told."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from infra.local.inbox import Inbox, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


class Client:
    """An HTTP client that doesn't follow, retry or interpret anything."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=16)

    def __call__(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            method, self._url + path, retries=False, redirect=False, timeout=10, **options
        )

    def deliveries(self, query: str = "") -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self("GET", f"/deliveries{query}").json()
        return listed

    def behave(self, **behaviour: Any) -> urllib3.BaseHTTPResponse:
        return self("PUT", "/behaviour", json=behaviour)

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture
def inbox() -> Iterator[Client]:
    with serving(Inbox()) as url:
        client = Client(url)
        yield client
        client.close()


def statuses(inbox: Client, times: int, body: bytes = b"{}") -> list[int]:
    return [inbox("POST", "/hook", body=body).status for _ in range(times)]


def test_a_delivery_is_listed_with_time_headers_and_body(inbox: Client) -> None:
    inbox("POST", "/some/path?a=1", body=b'{"caf\xc3\xa9": 1}', headers={"Webhook-Id": "msg_1"})

    [delivery] = inbox.deliveries()

    assert delivery["received_at"].endswith("+00:00")
    assert (delivery["method"], delivery["path"], delivery["status"]) == ("POST", "/some/path?a=1", 200)
    assert delivery["headers"]["webhook-id"] == "msg_1"
    assert delivery["body"] == '{"café": 1}'


@pytest.mark.parametrize("body", [b"", b"\xff\x00\xfe", b"x" * 3_000_000])
def test_bodies_are_kept_byte_for_byte(inbox: Client, body: bytes) -> None:
    inbox("POST", "/", body=body)

    [delivery] = inbox.deliveries()

    assert base64.b64decode(delivery["body_base64"]) == body


def test_a_body_that_is_no_text_has_none(inbox: Client) -> None:
    inbox("POST", "/", body=b"\xff")

    assert inbox.deliveries()[0]["body"] is None


def test_statuses_are_used_up_in_order_and_the_last_one_stays(inbox: Client) -> None:
    inbox.behave(statuses=[500, 503, 200])

    assert statuses(inbox, 5) == [500, 503, 200, 200, 200]


def test_a_behaviour_sends_its_headers(inbox: Client) -> None:
    inbox.behave(statuses=[429], headers={"Retry-After": "7"})

    answer = inbox("POST", "/")

    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


def test_a_behaviour_with_a_match_is_for_these_bodies_only(inbox: Client) -> None:
    inbox.behave(statuses=[404], match="evt_1")

    assert statuses(inbox, 1, b'{"id": "evt_1"}') == [404]
    assert statuses(inbox, 1, b'{"id": "evt_2"}') == [200]


def test_a_delayed_answer_keeps_nobody_else_waiting(inbox: Client) -> None:
    inbox.behave(delaySeconds=1, match="slow")
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(statuses, inbox, 1, b"slow")

        assert statuses(inbox, 1, b"quick") == [200]
        assert not slow.done()


def test_the_list_can_be_narrowed_to_a_text_in_the_body(inbox: Client) -> None:
    statuses(inbox, 1, b"one")
    statuses(inbox, 1, b"two")

    assert [delivery["body"] for delivery in inbox.deliveries("?match=two")] == ["two"]


def test_forgetting_leaves_nothing(inbox: Client) -> None:
    statuses(inbox, 2)

    assert inbox("DELETE", "/deliveries").status == 204
    assert inbox.deliveries() == []


def test_no_delivery_is_lost_among_many_at_once(inbox: Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: inbox("POST", "/", body=str(n).encode()), range(200)))

    assert sorted(int(delivery["body"]) for delivery in inbox.deliveries()) == list(range(200))


@pytest.mark.parametrize(
    ("behaviour", "named"),
    [
        ({"statuses": []}, "statuses"),
        ({"statuses": [99]}, "statuses[0]"),
        ({"statuses": "500"}, "statuses"),
        ({"delaySeconds": -1}, "delaySeconds"),
        ({"headers": {"X-A": "b\r\nc"}}, "headers"),
        ({"headers": {"Content-Length": "3"}}, "Content-Length"),
        ({"status": 500}, "status"),
    ],
)
def test_a_behaviour_that_makes_no_sense_is_refused_with_its_field(
    inbox: Client, behaviour: dict[str, Any], named: str
) -> None:
    answer = inbox("PUT", "/behaviour", json=behaviour)

    assert answer.status == 400
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("DELETE", "/other", 404), ("PUT", "/other", 404), ("POST", "/deliveries", 405)],
)
def test_what_the_inbox_does_not_do_is_no_delivery(
    inbox: Client, method: str, path: str, status: int
) -> None:
    assert inbox(method, path).status == status
    assert inbox.deliveries() == []
