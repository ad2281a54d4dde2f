"""SQS's batch calls: up to ten entries, each with its own success or failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from headworks.testing.sqs.errors import SqsError, refused_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_ENTRIES = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_\-]{1,80}")


def check_entries(entries: Sequence[dict[str, Any]], kind: str) -> None:
    """Raises `SqsError` for what has a batch refused whole."""
    ids = [entry["Id"] for entry in entries]
    if not ids:
        raise refused_batch("EmptyBatchRequest", f"There should be at least one {kind} in the request.")
    if len(ids) > MOST_ENTRIES:
        raise refused_batch(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(ids)}.",
        )
    for entry_id in ids:
        if not _ENTRY_ID.fullmatch(entry_id):
            raise refused_batch(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if ids.count(entry_id) > 1:
            raise refused_batch("BatchEntryIdsNotDistinct", f"Id {entry_id} repeated.")


def each_entry(
    entries: Sequence[dict[str, Any]], do: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Do each entry by itself; what SQS refuses of one leaves the others alone."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            successful.append({"Id": entry["Id"], **do(entry)})
        except SqsError as error:
            failed.append(
                {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
            )
    return {"Successful": successful, "Failed": failed}
