"""Where each operation is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from administer.operations import Operation

if TYPE_CHECKING:
    from administer.lists import Lists


def of_lists(lists: Lists) -> list[Operation]:
    """What is dead, retrying, waiting or running."""
    return [
        Operation(
            id="listMessages",
            method="GET",
            path="/admin/queues/{queue}/messages",
            does=lists.of_queue,
        ),
        Operation(id="listAllMessages", method="GET", path="/admin/messages", does=lists.of_all),
    ]
