"""The timeline: what functions log becomes lines that tell each message's story."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORT_ID = 6
LONGEST_TEXT = 300
# Lambda's own lines around an invocation: as text, and as JSON.
_PLATFORM = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ", '{"type":"platform.')


class Tone(Enum):
    """How a line is meant."""

    PLAIN = "plain"
    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One logged line: when it was kept, by which function, and what it says."""

    at: datetime
    function: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the timeline; `message_id` is of the message whose story it belongs to."""

    at: datetime
    text: str
    tone: Tone = Tone.PLAIN
    message_id: str | None = None
    elapsed_seconds: float | None = None
    is_effect: bool = False

    @property
    def short_id(self) -> str:
        """The end of the id: its beginning is a time, and alike for neighbours."""
        return self.message_id[-SHORT_ID:] if self.message_id else ""


class Timeline:
    """Tells events as lines, and knows when each message was first heard of."""

    def __init__(self) -> None:
        self._first_seen: dict[str, datetime] = {}

    def tell(self, events: Iterable[LogEvent]) -> list[Line]:
        """The lines of some events: in order, but with those of one message kept together."""
        parsed = [(event, _fields(event.text)) for event in events]
        messages = _Messages(fields for _, fields in parsed if fields is not None)
        lines = sorted(
            (line for event, fields in parsed if (line := self._line(event, fields, messages))),
            key=lambda line: line.at,
        )
        place: dict[str | None, int] = {}
        for line in lines:
            place.setdefault(line.message_id, len(place))
        timed = [self._timed(line) for line in lines]
        return sorted(timed, key=lambda line: place[line.message_id])

    def _line(self, event: LogEvent, fields: dict[str, Any] | None, messages: _Messages) -> Line | None:
        if fields is None:
            is_ours = event.text.strip() and not event.text.startswith(_PLATFORM)
            return _raw(event) if is_ours else None
        if "action" in fields:
            text, tone = _told(fields)
            return Line(
                at=_time_of(fields, event.at),
                text=_cut(text),
                tone=tone,
                message_id=messages.message_of(fields),
                is_effect=fields["action"] == Action.DONE and not fields.get("duplicate"),
            )
        is_ours = "_aws" not in fields and not str(fields.get("type", "")).startswith("platform.")
        return _remark(event, fields) if is_ours else None

    def _timed(self, line: Line) -> Line:
        if line.message_id is None:
            return line
        first = self._first_seen.setdefault(line.message_id, line.at)
        return replace(line, elapsed_seconds=max((line.at - first).total_seconds(), 0.0))


class _Messages:
    """Which message each action belongs to.

    What is received isn't a message yet: the key under which it is queued a moment later says which
    one it became.
    """

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self._by_key = {
            line["idempotency_key"]: line["message_id"]
            for line in lines
            if "idempotency_key" in line and "message_id" in line
        }

    def message_of(self, fields: dict[str, Any]) -> str | None:
        message_id = fields.get("message_id") or self._by_key.get(fields.get("idempotency_key", ""))
        if message_id is not None or "event_id" not in fields:
            return message_id
        key = f"{fields.get('source')}:{fields['event_id']}"
        return next(
            (found for each, found in self._by_key.items() if each == key or each.startswith(f"{key}/")), None
        )


def _told(fields: dict[str, Any]) -> tuple[str, Tone]:
    """What happened, by which consumer if by one, and how it is meant."""
    text, tone = _called(fields)
    return (f"{fields['consumer']}: {text}" if "consumer" in fields else text), tone


def _called(fields: dict[str, Any]) -> tuple[str, Tone]:  # noqa: C901 - one line for each action
    why = _why(fields)
    match fields["action"]:
        case Action.RECEIVED:
            return f"received     {_described(fields)}", Tone.PLAIN
        case Action.QUEUED:
            return f"queued       {fields.get('queue')}", Tone.PLAIN
        case Action.KEPT_BACK:
            return f"kept back    for {fields.get('queue')}: its source is paused", Tone.CAUTION
        case Action.PAUSED | Action.RESUMED as action:
            what = fields.get("source") or f"{fields.get('queue')}/{fields.get('consumer')}"
            return f"{action:<12} {what}{why}", Tone.CAUTION
        case Action.STARTED:
            attempts = f"{fields.get('attempt')} of {fields.get('max_attempts')}"
            return f"attempt {attempts}", Tone.PLAIN
        case Action.DONE if fields.get("duplicate"):
            return "done before: this copy has no effect", Tone.ASIDE
        case Action.DONE:
            return f"done at attempt {fields.get('attempt')}, in {fields.get('duration_ms')} ms", Tone.GOOD
        case Action.RETRY:
            return f"retry in {fields.get('after_seconds')} s{why}", Tone.CAUTION
        case Action.DEFERRED:
            return f"back in {fields.get('after_seconds')} s{why}", Tone.CAUTION
        case Action.DEAD:
            return f"dead: {fields.get('reason')}{why}", Tone.BAD
        case Action.DUPLICATE:
            return "duplicate    accepted before, not queued again", Tone.ASIDE
        case Action.QUARANTINED:
            return f"quarantined  {_described(fields)}{why}", Tone.BAD
        case Action.REFUSED:
            asked_for = fields.get("source") or fields.get("queue") or fields.get("service")
            return f"refused      {fields.get('status')} to {asked_for}{why}", Tone.BAD
        case action:
            return f"{action}{why}".replace("_", " ", 1), Tone.BAD


def _described(fields: dict[str, Any]) -> str:
    if "messages" in fields:
        return f"{fields['messages']} for {fields.get('queue')}"
    told = [fields.get("event_type"), f"from {fields['source']}" if "source" in fields else None]
    return " ".join(str(part) for part in told if part)


def _why(fields: dict[str, Any]) -> str:
    """The cause, where the line has one, and the place in the code for an error that nobody meant."""
    cause = next(
        (fields[name] for name in ("error", "error_message", "why", "what") if fields.get(name)), None
    )
    if cause is None:
        return ""
    place = _place(fields.get("exception"))
    if place is None:
        return f": {cause}"
    return f": {fields.get('error_type')}: {cause} ({place})"


def _place(trace: object) -> str | None:
    """`file.py:12` of a stack trace's last frame."""
    frames = [line.split('"') for line in str(trace or "").splitlines() if line.strip().startswith('File "')]
    if not frames:
        return None
    _, path, where = frames[-1][:3]
    return f"{path.rpartition('/')[2]}:{where.removeprefix(', line ').partition(',')[0]}"


def _raw(event: LogEvent) -> Line:
    """A line that isn't JSON: a `print`, or the stack trace of a function that couldn't start."""
    tone = Tone.ASIDE if event.text.startswith(" ") else Tone.CAUTION
    return Line(at=event.at, text=_cut(f"{event.function}: {event.text}"), tone=tone)


def _remark(event: LogEvent, fields: dict[str, Any]) -> Line:
    """A line that a handler logged by itself."""
    level = str(fields.get("level", "INFO")).upper()
    tone = {"WARNING": Tone.CAUTION, "WARN": Tone.CAUTION, "ERROR": Tone.BAD, "CRITICAL": Tone.BAD}.get(
        level, Tone.ASIDE
    )
    place = _place(fields.get("exception"))
    text = f"{event.function}: {fields.get('message', event.text)}{f' ({place})' if place else ''}"
    return Line(
        at=_time_of(fields, event.at), text=_cut(text), tone=tone, message_id=fields.get("message_id")
    )


def _fields(text: str) -> dict[str, Any] | None:
    try:
        fields = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return fields if isinstance(fields, dict) else None


def _time_of(fields: dict[str, Any], otherwise: datetime) -> datetime:
    """When it happened, as Powertools writes it; a line is kept only when its invocation ends."""
    try:
        return datetime.strptime(str(fields.get("timestamp")), "%Y-%m-%d %H:%M:%S,%f%z")
    except ValueError:
        return otherwise


def _cut(text: str) -> str:
    one_line = " ".join(text.split("\n"))
    return one_line if len(one_line) <= LONGEST_TEXT else f"{one_line[:LONGEST_TEXT]}..."
