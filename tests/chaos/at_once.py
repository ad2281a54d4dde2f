"""A handler of batches that does for each message what a handler of that message alone does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headworks.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def at_once(handle: Callable[[Any, Any], None]) -> Callable[[Sequence[Any], Any], None]:
    """One message after the other; which of them failed is told in the end."""

    def handle_all(messages: Sequence[Any], context: Any) -> None:
        errors: dict[Any, Exception] = {}
        for message in messages:
            try:
                handle(message, context.of(message))
            except Exception as error:  # noqa: BLE001 - each message's own outcome
                errors[message] = error
        if errors:
            raise Failed(errors)

    return handle_all
