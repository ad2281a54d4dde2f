"""`headworks dead edit`: change what a dead letter holds, before it is replayed."""

from __future__ import annotations

import base64
import difflib
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import UNSET

from headworks.errors import HeadworksError
from infra.cli.answers import FullItem
from infra.cli.asking import Code, agreed, found, items_of, screen, warn
from infra.cli.opened import closed, opened
from infra.cli.options import How, Where, Yes, gathers
from infra.cli.payloads import payload_bytes
from infra.cli.stories import show_story
from infra.cli.text import plain
from infra.local.environment import editor

if TYPE_CHECKING:
    from infra.cli.admin import Admin
    from infra.cli.answers import Message

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


class EditorFailed(HeadworksError):
    """The editor didn't start, or ended badly: nothing was changed."""


@gathers
def edit(
    name: Annotated[str, typer.Argument(metavar="ID", help="A message id, or an idempotency key.")],
    where: Where,
    how: How,
    file: Annotated[
        str | None, typer.Option(help="The new payload, instead of an editor; `-` reads stdin.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Change the payload of a dead letter; the first one is kept beside it."""
    admin = how.admin()
    item = _dead_one(admin, name, where)
    before = _before(item)
    after = _edited(before) if file is None else _read(file)
    body = _body(after, before, item.message)
    difference = _difference(before, _shown(body["data"], item.queue) if "data" in body else after)
    if not difference:
        warn("Nothing was changed.")
        raise typer.Exit(Code.NOTHING)
    for line in difference:
        warn(line, style=_STYLES.get(line[:1], ""))
    agreed(f"Change the payload of {item.id} with {item.queue}/{item.consumer}?", yes=yes)
    document = admin.put(
        "queues", item.queue, "messages", item.id, "payload", body=body, consumer=item.consumer
    )
    if how.as_json:
        typer.echo(document.text)
    else:
        show_story(screen(), document.read(FullItem))


def _dead_one(admin: Admin, name: str, where: Where) -> FullItem:
    """The one dead letter that is meant."""
    known = items_of(found(admin, name), queue=where.queue, consumer=where.consumer)
    dead = [item for item in known if item.state == "dead"]
    if len(dead) > 1:
        consumers = ", ".join(f"{item.queue}/{item.consumer}" for item in dead)
        raise typer.BadParameter(
            f"it is dead with several: {plain(consumers).plain}", param_hint="--queue, --consumer"
        )
    if not dead:
        standing = ", ".join(f"{item.state} with {item.queue}/{item.consumer}" for item in known)
        warn(f"{name} isn't dead, but {standing}." if standing else f"Nothing is known of {name}.")
        raise typer.Exit(Code.NOTHING)
    return dead[0]


def _before(item: FullItem) -> bytes:
    """What there is to change: nothing where the payload is gone."""
    message = item.message
    if message is None or message.missing is not None:
        return b""
    if message.text is not None:
        return message.text.encode(errors="surrogatepass")
    if message.data is UNSET:
        return payload_bytes(message) or b""
    return _shown(message.data, item.queue)


def _shown(data: Any, queue: str) -> bytes:
    text = json.dumps(opened(data, queue), indent=2, ensure_ascii=False)
    return text.encode(errors="surrogatepass") + b"\n"


def _edited(before: bytes) -> bytes:
    """What the user's editor makes of it.  Raises `EditorFailed`."""
    command = shlex.split(editor())
    with tempfile.TemporaryDirectory(prefix="headworks-") as directory:
        path = Path(directory) / "payload.json"
        path.write_bytes(before)
        try:
            subprocess.run([*command, path], check=True)
            return path.read_bytes()
        except (OSError, subprocess.CalledProcessError) as error:
            raise EditorFailed(f"the editor `{editor()}` failed, nothing was changed: {error}") from error


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} can't be read: {error.strerror}", param_hint="--file") from error


def _body(after: bytes, before: bytes, message: Message | None) -> dict[str, Any]:
    """The request: JSON as it is, and other bytes only where there were such before."""
    try:
        edited = json.loads(after)
    except ValueError as error:
        if message is not None and isinstance(message.data_base64, str):
            return {"dataBase64": base64.b64encode(after).decode()}
        raise typer.BadParameter(f"the payload isn't JSON: {error}", param_hint="ID") from error
    if message is None or message.data is UNSET:
        return {"data": edited}
    return {"data": closed(edited, json.loads(before), message.data)}


def _difference(before: bytes, after: bytes) -> list[str]:
    """What is changed, line by line; JSON is compared by what it says."""
    return list(difflib.unified_diff(_lines(before), _lines(after), "before", "after", lineterm=""))


def _lines(payload: bytes) -> list[str]:
    try:
        text = json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = payload.decode(errors="backslashreplace")
    return text.splitlines()
