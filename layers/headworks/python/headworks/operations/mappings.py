"""Event source mappings: what lets a consumer take messages, or keeps it from it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from headworks.errors import Unavailable
from headworks.operations.directory import place_of
from headworks.stores import asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.ledger.catalogue import Address
    from headworks.operations.directory import Directory

MAPPING = "the event source mapping"
# A change takes Lambda some seconds, and it refuses another one meanwhile.
ROUNDS = 8
PAUSE_SECONDS = 1.0
_BUSY = frozenset({"ResourceInUseException", "ResourceConflictException"})
_OFF = frozenset({"Disabled", "Disabling"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingState:
    """Whether a mapping takes messages, or will in a moment, and when it was changed last."""

    is_enabled: bool
    changed_at: datetime


class Mappings(Protocol):
    """Who turns mappings off and on.  Raises `Unavailable`."""

    def turn(self, address: Address, *, on: bool) -> None:
        """Let a consumer take messages, or no more: what is in flight is finished."""

    def state(self, address: Address) -> MappingState:
        """How a consumer's mapping stands."""


class LambdaMappings:
    """The mappings of the deployment; `pause` waits while one is being changed."""

    def __init__(
        self, client: Any, directory: Directory, *, pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._client = client
        self._directory = directory
        self._pause = pause

    def turn(self, address: Address, *, on: bool) -> None:
        mapping = place_of(self._directory, address).mapping
        for _ in range(ROUNDS):
            try:
                with asking(MAPPING, answers=_BUSY):
                    self._client.update_event_source_mapping(UUID=mapping, Enabled=on)
                    return
            except ClientError:
                if self._is_turned(mapping) is on:
                    return
                self._pause(PAUSE_SECONDS)
        raise Unavailable(
            f"{MAPPING} of {address.queue}/{address.consumer}", "another change of it is in progress"
        )

    def state(self, address: Address) -> MappingState:
        answer = self._ask(place_of(self._directory, address).mapping)
        return MappingState(
            is_enabled=answer["State"] not in _OFF,
            changed_at=answer.get("LastModified", datetime.fromtimestamp(0, UTC)),
        )

    def _is_turned(self, mapping: str) -> bool | None:
        """Which way the change that is in progress turns it; none where that is another change."""
        return {"Disabling": False, "Disabled": False, "Enabling": True, "Enabled": True}.get(
            self._ask(mapping)["State"]
        )

    def _ask(self, mapping: str) -> dict[str, Any]:
        with asking(MAPPING):
            answer: dict[str, Any] = self._client.get_event_source_mapping(UUID=mapping)
        return answer
