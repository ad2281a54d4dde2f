"""What the fake admin API is made of: requests, problems, items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

AT = "2026-01-01T00:00:0{}+00:00"
NAMES = {"consumer", "errorType", "type", "source", "tenant", "key", "orderingKey", "class", "reason"}


class Problem(Exception):
    """An answer that is a problem document."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


@dataclass(frozen=True)
class Request:
    """A request that came in."""

    method: str
    path: tuple[str, ...]
    query: dict[str, list[str]]
    body: Any
    operator: str

    def of(self, name: str) -> str | None:
        return self.query.get(name, [None])[0]


A_MESSAGE = {
    "time": AT.format(0),
    "subject": None,
    "dataContentType": "application/json",
    "traceparent": None,
    "expiresAt": None,
}
AN_ITEM = (
    *(
        "id",
        "key",
        "queue",
        "consumer",
        "state",
        "at",
        "reason",
        "class",
        "errorType",
        "error",
        "type",
        "source",
    ),
    *("orderingKey", "tenant", "attempt", "crashes", "replays"),
)


def an_item(name: str, **members: Any) -> dict[str, Any]:
    """A dead letter of the webhooks, whole."""
    return {
        "id": f"msg_{name}",
        "key": name,
        "queue": "webhooks",
        "consumer": "deliver_webhook",
        "state": "dead",
        "at": AT.format(1),
        "reason": "rejected",
        "class": "endpoint",
        "errorType": "ValueError",
        "error": "no such customer",
        "type": "order.placed",
        "source": "shop",
        "orderingKey": None,
        "tenant": None,
        "attempt": 1,
        "crashes": 0,
        "replays": 0,
        "leaseEnds": None,
        "due": None,
        "sentAt": AT.format(0),
        "history": [],
        "message": {
            **A_MESSAGE,
            "data": {"endpoint": "default", "body": "eyJhbW91bnQiOiAyNTAwfQ==", "headers": {}},
        },
        "original": None,
        "edited": None,
        "replayed": [],
        **members,
    }


def is_chosen(item: dict[str, Any], query: dict[str, list[str]]) -> bool:
    """Whether all of a query is true of an item."""
    if "error" in query and query["error"][0] not in (item["error"] or ""):
        return False
    if "since" in query and item["at"] < query["since"][0]:
        return False
    if "until" in query and item["at"] >= query["until"][0]:
        return False
    return all(item[name] in query[name] for name in NAMES & query.keys())
