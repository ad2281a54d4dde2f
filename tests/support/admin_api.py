"""A fake of the admin API: answers as docs/admin_api.md says, from what a test puts into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline import TOPOLOGY
from tests.support.admin_documents import A_MESSAGE, AN_ITEM, AT, Problem, Request, is_chosen
from tests.support.admin_replays import SLICE, Replays

QUEUES = {queue.name: queue for queue in TOPOLOGY.queues}


@dataclass
class AdminApi:
    """What the pipeline is like, what was asked of it, and how it answers."""

    items: list[dict[str, Any]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    stats: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    pauses: dict[tuple[str | None, str], dict[str, Any]] = field(default_factory=dict)
    on_queue: list[str] = field(default_factory=list)
    is_slow: bool = False
    requests: list[Request] = field(default_factory=list)
    # Answers that come before any other, each to a request of its method: problems, or raw ones.
    planned: list[tuple[str, Problem | tuple[int, str, bytes]]] = field(default_factory=list)
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.replays = Replays(self.items, {name for name, queue in QUEUES.items() if queue.fifo})

    def plan(self, method: str, *answers: Problem | tuple[int, str, bytes]) -> None:
        """Answer the next requests of a method so."""
        self.planned += [(method, answer) for answer in answers]

    def asked(self, method: str) -> list[Request]:
        """The requests of one method."""
        return [request for request in self.requests if request.method == method]

    def answer(self, request: Request) -> tuple[int, Any]:
        """Raises `Problem`."""
        match request.method, request.path:
            case "GET", ("queues",):
                queues = [self._queue_stats(name) for name in QUEUES]
                return 200, {"at": AT.format(9), "queues": queues, "sources": self._source_stats()}
            case "GET", ("queues", queue):
                return 200, self._queue_stats(queue)
            case "GET", ("messages",):
                return 200, self._listing(request, None)
            case "GET", ("queues", queue, "messages"):
                self._known(queue)
                return 200, self._listing(request, queue)
            case "GET", ("find",):
                return 200, self._found(request.of("name"))
            case "POST", ("queues" | "sources", name, "pause" | "resume" as action):
                return 200, self._changed(request, name, pause=action == "pause")
            case "POST", ("queues", queue, "process"):
                return 200, self._processed(queue, request.body)
            case "POST", ("queues", queue, "purge"):
                return 200, self._purged(queue, request.body)
        return self._of_messages(request)

    def _of_messages(self, request: Request) -> tuple[int, Any]:
        match request.method, request.path:
            case _, ("queues", queue, "messages", name, *rest):
                return 200, self._one(request, queue, name, rest)
            case "POST", ("queues", queue, "replays"):
                self._known(queue)
                return self.replays.asked(request, queue)
            case _, ("replays", *rest):
                return 200, self.replays.looked_at(request, rest)
        raise Problem(404, "There is no such route.")

    def _known(self, queue: str) -> None:
        if queue not in QUEUES:
            raise Problem(404, f"There is no queue {queue}; there are {', '.join(QUEUES)}.")

    def _queue_stats(self, name: str) -> dict[str, Any]:
        self._known(name)
        numbers = dict.fromkeys(
            ("pending", "processing", "retrying", "delayed", "waiting", "dead", "unburied"), 0
        )
        defaults = {
            **numbers,
            "due": None,
            "parked": None,
            "oldestAgeSeconds": None,
            "rates": None,
            "countsAreExact": True,
            "warnings": [],
            "trouble": [],
        }
        consumers = [
            {
                "consumer": consumer,
                **defaults,
                "paused": self.pauses.get((name, consumer)),
                **self.stats.get((name, consumer), {}),
            }
            for consumer in QUEUES[name].consumers
        ]
        queue = QUEUES[name]
        return {
            "name": name,
            "fifo": queue.fifo,
            "internal": queue.internal,
            "transport": "sqs",
            "consumers": consumers,
        }

    def _source_stats(self) -> list[dict[str, Any]]:
        return [
            {
                "name": each.name,
                "paused": self.pauses.get((None, each.name)),
                "held": self.held.get(each.name, 0),
            }
            for each in TOPOLOGY.sources
        ]

    def _listing(self, request: Request, queue: str | None) -> dict[str, Any]:
        right = [
            each
            for each in self.items
            if each["state"] == (request.of("state") or "dead")
            and queue in (None, each["queue"])
            and is_chosen(each, request.query)
        ]
        if request.of("groups") == "true":
            return self._groups(right)
        try:
            start = int(request.of("cursor") or 0)
        except ValueError:
            raise Problem(400, "The cursor belongs to no page of this list.") from None
        # As a rare filter does: fewer than were asked for, and a cursor.
        end = start + min(int(request.of("limit") or 50), 2)
        page = [{name: each[name] for name in AN_ITEM} for each in right[start:end]]
        cursor = str(end) if end < len(right) else None
        return {"items": page, "cursor": cursor, "groups": None, "total": None, "totalIsExact": None}

    def _groups(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        by_error: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for each in items:
            by_error.setdefault((each["reason"], each["errorType"], each["error"]), []).append(each)
        groups = [
            {
                "count": len(each),
                "reason": reason,
                "errorType": error_type,
                "error": error,
                "first": each[0]["at"],
                "last": each[-1]["at"],
                "example": {name: each[-1][name] for name in AN_ITEM},
            }
            for (reason, error_type, error), each in by_error.items()
        ]
        groups.sort(key=lambda group: -group["count"])
        return {"items": [], "cursor": None, "groups": groups, "total": len(items), "totalIsExact": True}

    def _found(self, name: str | None) -> dict[str, Any]:
        items = [each for each in self.items if name in (each["id"], each["key"])]
        received = [each for each in self.received if name in (each["id"], each["key"])]
        if not items and not received:
            raise Problem(404, f"Nothing is known of {name}.")
        return {"name": name, "received": received, "items": items, "trouble": self.trouble}

    def _changed(self, request: Request, name: str, *, pause: bool) -> dict[str, Any]:
        if request.path[0] == "sources":
            if name not in {each.name for each in TOPOLOGY.sources}:
                raise Problem(404, f"There is no source {name}.")
            meant: list[tuple[str | None, str]] = [(None, name)]
        else:
            self._known(name)
            only = request.body.get("consumer")
            meant = [(name, each) for each in QUEUES[name].consumers if only in (None, each)]
        changed = []
        for queue, who in meant:
            new = (
                (queue, who) not in self.pauses if pause else self.pauses.pop((queue, who), None) is not None
            )
            if pause:
                record = {"since": AT.format(5), "by": request.operator, "reason": request.body.get("reason")}
                self.pauses.setdefault((queue, who), record)
            source, consumer = (who, None) if queue is None else (None, who)
            paused = self.pauses.get((queue, who))
            changed.append(
                {"queue": queue, "consumer": consumer, "source": source, "paused": paused, "changed": new}
            )
        return {"changed": changed, "warnings": ["SQS deletes after 12 days."] if pause else []}

    def _processed(self, queue: str, body: dict[str, Any]) -> dict[str, Any]:
        self._known(queue)
        if len(QUEUES[queue].consumers) > 1 and body.get("consumer") is None:
            raise Problem(400, f"The queue {queue} has several consumers: say which.")
        taken, self.on_queue = self.on_queue[: body["batchSize"]], self.on_queue[body["batchSize"] :]
        messages = [{"id": each, "outcome": "failed" if "bad" in each else "done"} for each in taken]
        failed = sum(each["outcome"] == "failed" for each in messages)
        done = len(taken) - failed
        return {
            "received": len(taken),
            "done": done,
            "failed": failed,
            "unfinished": self.is_slow,
            "messages": messages,
        }

    def _purged(self, queue: str, body: dict[str, Any]) -> dict[str, Any]:
        self._known(queue)
        if body["confirm"] != queue:
            raise Problem(400, "$.confirm: not the queue's name.")
        purged, self.on_queue = self.on_queue[:SLICE], self.on_queue[SLICE:]
        before = body.get("before") or AT.format(7)
        return {
            "purged": len(purged),
            "kept": 0,
            "inFlight": 1,
            "more": bool(self.on_queue),
            "before": before,
        }

    def _one(self, request: Request, queue: str, name: str, rest: list[str]) -> Any:
        self._known(queue)
        consumer = request.of("consumer")
        right = [
            each
            for each in self.items
            if (each["queue"], each["consumer"]) == (queue, consumer) and name in (each["id"], each["key"])
        ]
        if not right:
            raise Problem(404, f"Nothing is known of {name}.")
        [item] = right
        if request.method == "PUT" and rest == ["payload"]:
            return self._edited(item, request)
        if item["state"] not in {"dead", "waiting"}:
            raise Problem(409, f"It is {item['state']}.")
        self.items.remove(item)
        return {"deleted": [{"queue": queue, "consumer": consumer, "id": item["id"], "was": item["state"]}]}

    def _edited(self, item: dict[str, Any], request: Request) -> dict[str, Any]:
        if item["state"] != "dead":
            raise Problem(409, f"It is {item['state']}.")
        if isinstance(request.body.get("data"), dict) and "refused" in request.body["data"]:
            raise Problem(400, "$.data: not a WebhookDelivery: Object contains unknown field `refused`.")
        item["original"] = item["original"] or item["message"]
        item["message"] = {**(item["message"] or A_MESSAGE), **request.body}
        item["edited"] = {"at": AT.format(8), "by": request.operator}
        return item
