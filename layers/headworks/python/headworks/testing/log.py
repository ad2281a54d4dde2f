"""A log that remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headworks.telemetry import Action


class RecordingLog:
    """Keeps every action with its fields, for a test to look at."""

    def __init__(self) -> None:
        self.lines: list[tuple[Action, dict[str, Any]]] = []
        self.context: object = None

    def __call__(self, action: Action, *, error: BaseException | None = None, **fields: Any) -> None:
        self.lines.append((action, {**fields, "error": error}))

    def begin(self, context: object) -> None:
        self.context = context

    @property
    def actions(self) -> list[Action]:
        """What was told, in its order."""
        return [action for action, _ in self.lines]
