"""What Lambda makes of a batch function's answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


class WholeBatchFailed(Exception):
    """Every message of the batch comes back."""


def failed_items(answer: Any, ids: Collection[str]) -> frozenset[str]:
    """The message ids that a partial response reports as failed.

    An answer without failures, or none at all, is success: `null`, `""`, `{}`, `[]`, an object without
    `batchItemFailures`, a null or empty list.  Raises `WholeBatchFailed` for what Lambda can't read: no
    JSON, another type, an entry without `itemIdentifier`, or one that is null, empty or
    not in the batch ("Handling errors for an SQS event source in Lambda").
    """
    read = _as_json(answer)
    if read is None or read in ("", {}, []):
        return frozenset()
    if not isinstance(read, dict):
        raise WholeBatchFailed(f"the answer is no object: {read!r:.100}")
    failures = read.get("batchItemFailures") or []
    if not isinstance(failures, list):
        raise WholeBatchFailed(f"batchItemFailures is no list: {failures!r:.100}")
    return frozenset(_identifier(failure, ids) for failure in failures)


def check_answer(answer: Any) -> None:
    """Raises `WholeBatchFailed` for an answer that the runtime can't send: the invocation failed."""
    _as_json(answer)


def _as_json(answer: Any) -> Any:
    try:
        return json.loads(json.dumps(answer))
    except (TypeError, ValueError, RecursionError) as error:
        raise WholeBatchFailed(f"the answer isn't JSON: {error}") from error


def _identifier(failure: Any, ids: Collection[str]) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if not isinstance(identifier, str) or identifier not in ids:
        raise WholeBatchFailed(f"{failure!r:.100} names no message of the batch")
    return identifier
