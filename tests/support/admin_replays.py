"""The replays of the fake admin API: each request gets through a slice of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.admin_documents import AT, Problem, Request, is_chosen

# How many messages one request gets through.
SLICE = 2
CONDITIONS = (
    "class",
    "errorType",
    "error",
    "type",
    "source",
    "tenant",
    "key",
    "orderingKey",
    "since",
    "until",
)


@dataclass
class Replays:
    """Those that were begun."""

    items: list[dict[str, Any]]
    fifo: set[str]
    begun: dict[str, dict[str, Any]] = field(default_factory=dict)

    def asked(self, request: Request, queue: str) -> tuple[int, Any]:
        body = dict(request.body)
        id_ = body.pop("id", "rpl_" + "0" * 32)
        if body.pop("dryRun", False):
            counted = {
                **self._new_replay(request, queue, id_, body),
                "state": "dry run",
                "selected": len(self.selected(queue, body)),
                "notes": ["On a FIFO queue what was processed stays processed."]
                if queue in self.fifo
                else [],
            }
            return 200, _told(counted)
        replay = self.begun.setdefault(id_, self._new_replay(request, queue, id_, body))
        if replay["asked"] != body or replay["queue"] != queue:
            raise Problem(409, f"{id_} asks for something else.")
        if replay["state"] == "running":
            self._carry_on(replay, queue, body)
        status = 202 if replay["state"] == "running" else 200
        return status, _told(replay)

    def _new_replay(self, request: Request, queue: str, id_: str, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": id_,
            "queue": queue,
            "consumer": body.get("consumer"),
            "state": "running",
            "stoppedBecause": None,
            "selection": {
                "ids": body.get("ids"),
                "filter": _whole(body.get("filter")),
                "all": body.get("all", False),
            },
            "first": body.get("first"),
            "rate": body.get("rate"),
            "again": body.get("again", False),
            "anyNumber": body.get("anyNumber", False),
            "stopAfter": body.get("stopAfter"),
            "by": request.operator,
            "reason": body.get("reason"),
            "askedAt": AT.format(1),
            "endedAt": None,
            "selected": None,
            "sent": 0,
            "skipped": {"completed": 0, "busy": 0, "tooOften": 0, "gone": 0, "notKept": 0},
            "failedAgain": 0,
            "orderingKeys": None,
            "notes": [],
            "asked": body,
        }

    def selected(self, queue: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        dead = [each for each in self.items if each["queue"] == queue and each["state"] == "dead"]
        if "ids" in body:
            return [each for each in dead if each["id"] in body["ids"] or each["key"] in body["ids"]]
        chosen = {
            "reason" if name == "reasons" else name: value if isinstance(value, list) else [value]
            for name, value in body.get("filter", {}).items()
        }
        return [each for each in dead if is_chosen(each, chosen)]

    def _carry_on(self, replay: dict[str, Any], queue: str, body: dict[str, Any]) -> None:
        left = body.get("first", len(self.items)) - replay["sent"]
        for item in self.selected(queue, body)[: min(SLICE, left)]:
            item["state"] = "retrying"
            replay["sent"] += 1
            left -= 1
        if not left or not self.selected(queue, body):
            replay |= {"state": "finished", "endedAt": AT.format(9)}

    def looked_at(self, request: Request, rest: list[str]) -> Any:
        if not rest:
            return {"replays": [_told(each) for each in self.begun.values() if each["state"] == "running"]}
        replay = self.begun.get(rest[0])
        if replay is None:
            raise Problem(404, f"There is no replay {rest[0]}.")
        if request.method == "DELETE" and replay["state"] == "running":
            replay |= {
                "state": "stopped",
                "stoppedBecause": f"by {request.operator}",
                "endedAt": AT.format(9),
            }
        return _told(replay)


def _whole(filter_: dict[str, Any] | None) -> dict[str, Any] | None:
    """A filter as a replay's document has it: with all members."""
    if filter_ is None:
        return None
    return {
        "reasons": [],
        **dict.fromkeys(CONDITIONS),
        **filter_,
    }


def _told(replay: dict[str, Any]) -> dict[str, Any]:
    """A replay without what only this fake knows."""
    return {name: value for name, value in replay.items() if name != "asked"}
