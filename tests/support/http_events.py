"""HTTP API events (payload 2.0), as API Gateway makes them of requests."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "events"


@dataclass(frozen=True)
class Answer:
    """What a function answered, its body parsed."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def http_event(
    body: bytes,
    headers: dict[str, str],
    *,
    base64_body: bool = False,
    method: str = "POST",
    **path_parameters: str,
) -> dict[str, Any]:
    """A request, a POST mostly; API Gateway sends base64 for whatever it doesn't take for text."""
    return {
        "version": "2.0",
        "headers": headers,
        "pathParameters": path_parameters,
        "requestContext": {"http": {"method": method}},
        "body": base64.b64encode(body).decode() if base64_body else body.decode("utf-8", "surrogatepass"),
        "isBase64Encoded": base64_body,
    }


def answer(returned: dict[str, Any]) -> Answer:
    """What a handler returned, as its client sees it."""
    return Answer(
        status=returned["statusCode"], body=json.loads(returned["body"]), headers=returned["headers"]
    )


def sample(path: str) -> dict[str, Any]:
    """A sample invocation from `events/`."""
    event: dict[str, Any] = json.loads((SAMPLES / path).read_text())
    return event


def body_of(event: dict[str, Any]) -> bytes:
    """The bytes of an event's body."""
    text: str = event.get("body") or ""
    return base64.b64decode(text) if event["isBase64Encoded"] else text.encode()
