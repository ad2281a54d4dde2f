"""Documents as they may be, by the names of their schemas: for whoever reads the description."""

from __future__ import annotations

from typing import Any

from administer.documents.messages import FullItem

_MESSAGE_ID = "msg_019b764fd4d27c0a8f0d5b7c3d1f9e42"
_REPLAY_ID = "rpl_6f004dcc08424399a56295f5f85ef97e"
_DIED = "2026-01-31T03:12:09.214000Z"
_PAUSE = {"since": "2026-01-31T03:20:00Z", "by": "ada@desk", "reason": "the endpoint is down"}

_CONSUMER = {
    "consumer": "deliver_webhook",
    "pending": 12,
    "processing": 4,
    "retrying": 3,
    "delayed": 0,
    "due": None,
    "parked": None,
    "waiting": 1,
    "dead": 1204,
    "unburied": 0,
    "oldestAgeSeconds": 31.0,
    "rates": {"done": 118.4, "retried": 2.2, "dead": 0.4},
    "countsAreExact": True,
    "paused": None,
    "warnings": [],
    "trouble": [],
}
_QUEUE = {
    "name": "webhooks",
    "fifo": False,
    "internal": False,
    "transport": "sqs",
    "consumers": [_CONSUMER],
}
_SOURCE = {"name": "stripe", "paused": None, "held": 0}
_ITEM = {
    "id": _MESSAGE_ID,
    "key": "stripe:evt_123/default",
    "queue": "webhooks",
    "consumer": "deliver_webhook",
    "state": "dead",
    "at": _DIED,
    "reason": "exhausted",
    "class": "endpoint",
    "errorType": "Retry",
    "error": "https://example.com/webhooks answered 503",
    "type": "stripe.charge.succeeded",
    "source": "stripe",
    "orderingKey": None,
    "tenant": None,
    "attempt": 8,
    "crashes": 0,
    "replays": 0,
}
_FAILURE = {
    "attempt": 8,
    "at": _DIED,
    "errorType": "Retry",
    "error": "https://example.com/webhooks answered 503",
    "stack": "",
    "durationMs": 41,
    "version": "12",
    "requestId": "7f2c3a10-0d53-5c0a-9b3e-6d1c1f6c2a55",
}
_PAYLOAD = {"endpoint": "default", "body": "eyJpZCI6ICJldnRfMTIzIn0=", "method": "POST", "headers": {}}
_JSON_MESSAGE = {
    "time": "2026-01-31T01:02:03Z",
    "subject": None,
    "dataContentType": "application/json",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "expiresAt": None,
    "data": _PAYLOAD,
}
_FULL_ITEM = {
    **dict.fromkeys(field.alias or name for name, field in FullItem.model_fields.items()),
    **_ITEM,
    "sentAt": "2026-01-31T01:02:03Z",
    "history": [_FAILURE],
    "message": _JSON_MESSAGE,
    "replayed": [],
}
_RECEIVED = {
    "queue": "webhooks",
    "id": _MESSAGE_ID,
    "key": "stripe:evt_123/default",
    "acceptedAt": "2026-01-31T01:02:03Z",
    "source": "stripe",
    "type": "stripe.charge.succeeded",
    "repeatsUntil": "2026-02-07T01:02:03Z",
    "window": 0,
}
_GROUP = {
    "count": 1204,
    "errorType": "Retry",
    "error": "https://example.com/webhooks answered ...",
    "reason": "exhausted",
    "first": "2026-01-30T22:41:00Z",
    "last": _DIED,
    "example": _ITEM,
}
_FILTER = {"reasons": ["exhausted"], "class": "endpoint", "since": "2026-01-30T22:00:00Z"}
_NOT_FILTERED_BY = ("errorType", "error", "type", "source", "tenant", "key", "orderingKey", "until")
_REPLAY: dict[str, Any] = {
    "id": _REPLAY_ID,
    "queue": "webhooks",
    "consumer": None,
    "state": "running",
    "stoppedBecause": None,
    "selection": {"ids": None, "filter": {**dict.fromkeys(_NOT_FILTERED_BY), **_FILTER}, "all": False},
    "first": None,
    "rate": 500.0,
    "again": False,
    "anyNumber": False,
    "stopAfter": None,
    "by": "ada@desk",
    "reason": "the endpoint is up again",
    "askedAt": "2026-01-31T09:00:00Z",
    "endedAt": None,
    "selected": None,
    "sent": 800,
    "skipped": {"completed": 2, "busy": 0, "tooOften": 0, "gone": 0, "notKept": 0},
    "failedAgain": 1,
    "orderingKeys": None,
    "notes": [],
}

EXAMPLES: dict[str, Any] = {
    "Overview": {"at": "2026-01-31T03:15:00Z", "queues": [_QUEUE], "sources": [_SOURCE]},
    "QueueStats": _QUEUE,
    "ConsumerStats": _CONSUMER,
    "SourceStats": _SOURCE,
    "Pause": _PAUSE,
    "PauseRequest": {"consumer": "deliver_webhook", "reason": "the endpoint is down"},
    "ResumeRequest": {"consumer": "deliver_webhook"},
    "SourcePauseRequest": {"reason": "a flood of test events"},
    "PauseAnswer": {
        "changed": [
            {
                "queue": "webhooks",
                "consumer": "deliver_webhook",
                "source": None,
                "paused": _PAUSE,
                "changed": True,
            }
        ],
        "warnings": ["What arrives on webhooks stays there, and SQS deletes it 12 days after it was sent."],
    },
    "ProcessRequest": {"batchSize": 1},
    "ProcessAnswer": {
        "received": 1,
        "done": 1,
        "failed": 0,
        "unfinished": False,
        "messages": [{"id": "c80e8021-a70a-42c7-a470-796e1186f753", "outcome": "done"}],
    },
    "PurgeRequest": {"confirm": "webhooks", "before": "2026-01-31T03:20:00Z"},
    "PurgeAnswer": {"purged": 12, "kept": 0, "inFlight": 4, "more": False, "before": "2026-01-31T03:20:00Z"},
    "Item": _ITEM,
    "FullItem": _FULL_ITEM,
    "Listing": {"items": [_ITEM], "cursor": None, "groups": None, "total": None, "totalIsExact": None},
    "Group": _GROUP,
    "Found": {"name": "evt_123", "received": [_RECEIVED], "items": [_FULL_ITEM], "trouble": []},
    "Received": _RECEIVED,
    "PayloadRequest": {"data": _PAYLOAD},
    "DeleteAnswer": {
        "deleted": [{"queue": "webhooks", "consumer": "deliver_webhook", "id": _MESSAGE_ID, "was": "dead"}]
    },
    "ReplayRequest": {"filter": _FILTER, "rate": 500, "reason": "the endpoint is up again"},
    "Replay": _REPLAY,
    "Running": {"replays": [_REPLAY]},
    "ProblemDetails": {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No queue is called 'webhoks'.",
    },
    "TooManyRequests": {"message": "Too Many Requests"},
}
