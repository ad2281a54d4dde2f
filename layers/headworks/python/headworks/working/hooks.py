"""What a worker's owner wants to be told: never a reason to change an outcome."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.errors import InvalidDeclaration
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.message import Message
    from headworks.telemetry import Log


class Hooks:
    """Plain functions that are called when a run has ended; what they raise is told and forgotten.

    They are called where the worker's own work is done: one that takes long holds it up.
    """

    def __init__(
        self,
        log: Log,
        *,
        on_processed: Callable[[Message[Any], timedelta], object] | None = None,
        on_failed: Callable[[BaseException, Message[Any]], object] | None = None,
    ) -> None:
        for name, hook in (("on_processed", on_processed), ("on_failed", on_failed)):
            if inspect.iscoroutinefunction(hook):
                raise InvalidDeclaration(f"{name} is async: hooks are plain functions, nobody awaits them")
        self._log = log
        self._on_processed = on_processed
        self._on_failed = on_failed

    def processed(self, message: Message[Any], duration_ms: float) -> None:
        """A run ended, and its effect happened."""
        if self._on_processed is not None:
            self._call("on_processed", self._on_processed, message, timedelta(milliseconds=duration_ms))

    def failed(self, error: BaseException, message: Message[Any]) -> None:
        """A run ended with an error."""
        if self._on_failed is not None:
            self._call("on_failed", self._on_failed, error, message)

    def _call(self, name: str, hook: Callable[..., object], *arguments: Any) -> None:
        try:
            hook(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a hook raises, the outcome stands
            self._log(Action.TROUBLE, what=f"the hook {name} failed; the outcome stands", error=error)
