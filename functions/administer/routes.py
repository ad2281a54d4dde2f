"""Where each operation is, and how it may be answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from administer.operations import Operation

if TYPE_CHECKING:
    from administer.changes import Changes
    from administer.controls import Controls
    from administer.finds import Finds
    from administer.lists import Lists
    from administer.overviews import Overviews
    from administer.replaying import Replaying

_QUEUE = "/admin/queues/{queue}"
_SOURCE = "/admin/sources/{source}"
_MESSAGE = "/admin/queues/{queue}/messages/{id}"
_REPLAY = "/admin/replays/{id}"
_CONFLICT = (HTTPStatus.CONFLICT,)


def of_overviews(overviews: Overviews) -> list[Operation]:
    """How everything stands."""
    return [
        Operation(id="listQueues", method="GET", path="/admin/queues", does=overviews.everything),
        Operation(id="getQueue", method="GET", path=_QUEUE, does=overviews.one_queue),
    ]


def of_lists(lists: Lists) -> list[Operation]:
    """What is dead, retrying, waiting or running."""
    return [
        Operation(id="listMessages", method="GET", path=f"{_QUEUE}/messages", does=lists.of_queue),
        Operation(id="listAllMessages", method="GET", path="/admin/messages", does=lists.of_all),
    ]


def of_finds(finds: Finds) -> list[Operation]:
    """What is known of a name."""
    return [
        Operation(id="findMessage", method="GET", path="/admin/messages/{name}", does=finds.by_path),
        Operation(id="find", method="GET", path="/admin/find", does=finds.by_query),
    ]


def of_changes(changes: Changes) -> list[Operation]:
    """Editing and deleting."""
    return [
        Operation(
            id="editMessage", method="PUT", path=f"{_MESSAGE}/payload", does=changes.edit, refused=_CONFLICT
        ),
        Operation(id="deleteMessage", method="DELETE", path=_MESSAGE, does=changes.delete, refused=_CONFLICT),
    ]


def of_controls(controls: Controls) -> list[Operation]:
    """Pausing, processing, purging."""
    return [
        Operation(id="pauseQueue", method="POST", path=f"{_QUEUE}/pause", does=controls.pause),
        Operation(id="resumeQueue", method="POST", path=f"{_QUEUE}/resume", does=controls.resume),
        Operation(id="pauseSource", method="POST", path=f"{_SOURCE}/pause", does=controls.pause_source),
        Operation(id="resumeSource", method="POST", path=f"{_SOURCE}/resume", does=controls.resume_source),
        Operation(id="processQueue", method="POST", path=f"{_QUEUE}/process", does=controls.process),
        Operation(id="purgeQueue", method="POST", path=f"{_QUEUE}/purge", does=controls.purge),
    ]


def of_replays(replaying: Replaying) -> list[Operation]:
    """Putting dead letters back."""
    return [
        Operation(
            id="startReplay",
            method="POST",
            path=f"{_QUEUE}/replays",
            does=replaying.ask,
            done=(HTTPStatus.OK, HTTPStatus.ACCEPTED),
            refused=_CONFLICT,
        ),
        Operation(id="listReplays", method="GET", path="/admin/replays", does=replaying.running),
        Operation(id="getReplay", method="GET", path=_REPLAY, does=replaying.find),
        Operation(id="stopReplay", method="DELETE", path=_REPLAY, does=replaying.stop),
    ]
