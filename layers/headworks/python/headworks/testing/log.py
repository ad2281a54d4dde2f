"""A log that remembers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from headworks.telemetry import HandlerLogger

if TYPE_CHECKING:
    from headworks.telemetry import Action


class RecordingLog:
    """Keeps every action with its fields, for a test to look at."""

    def __init__(self) -> None:
        self.lines: list[tuple[Action, dict[str, Any]]] = []
        self.context: object = None

    def __call__(self, action: Action, *, error: BaseException | None = None, **fields: Any) -> None:
        self.lines.append((action, {**fields, "error": error}))

    def wants(self, action: Action) -> bool:  # noqa: ARG002 - all of them
        return True

    def begin(self, context: object) -> None:
        self.context = context

    def for_handler(self, **fields: Any) -> HandlerLogger:
        """Lines of handlers go to the standard logger of this module."""
        return HandlerLogger(logging.getLogger(__name__), fields)

    @property
    def actions(self) -> list[Action]:
        """What was told, in its order."""
        return [action for action, _ in self.lines]
