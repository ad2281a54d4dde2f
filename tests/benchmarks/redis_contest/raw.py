"""What the server itself can do: pipelined XADD of bodies of the usual size, by its own benchmark where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from headworks.brokers.redis.connection import ANSWER_SECONDS, Connection
from headworks.brokers.redis.operation import command, packed
from tests.support.valkey import PASSWORD, REDIS_SERVER, USER

if TYPE_CHECKING:
    from tests.support.valkey import Server

TOOLS = ("redis-benchmark", "valkey-benchmark")
PIPELINE = 100
MESSAGES = 200_000
ID = "msg_019" + "0" * 29
# A message of the contest as it travels: a CloudEvent around 150 characters of text.
BODY_BYTES = 430


def tool() -> str | None:
    """The server's own benchmark, on PATH or beside the server that the tests are told of."""
    for name in TOOLS:
        if found := shutil.which(name):
            return found
    beside = Path(os.environ.get(REDIS_SERVER, "")).parent / TOOLS[0]
    return str(beside) if beside.exists() else None


def xadd(server: Server, *, clustered: bool = False, scale: float = 1.0) -> float:
    """Entries a second that go into a stream when nothing else is done."""
    messages = max(int(MESSAGES * scale), PIPELINE)
    found = tool()
    if found is None:
        return _by_client(server, messages)
    entry = ("XADD", "{raw}", "*", "i", ID, "m", "x" * BODY_BYTES)
    where = ("-p", str(server.administrator.port))
    if clustered:
        certificate = str(server.directory / "certificate.pem")
        as_user = ("--user", USER, "-a", PASSWORD)
        where = ("-p", str(server.address.port), "--tls", "--cacert", certificate, *as_user)
    done = subprocess.run(
        [found, *where, "-n", str(messages), "-P", str(PIPELINE), "-c", "5", "--csv", *entry],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1].split('","')[1])


def _by_client(server: Server, messages: int) -> float:
    """The same over one socket, packed before the time is taken."""
    entry = packed(("XADD", "{raw}", "*", "i", ID, "m", "x" * BODY_BYTES))
    with Connection(server.address) as connection:
        connection.run(_ping())
        [line] = connection._lines.values()
        began = time.perf_counter()
        for _ in range(messages // PIPELINE):
            line.ask(entry * PIPELINE, PIPELINE, within=ANSWER_SECONDS)
        return messages // PIPELINE * PIPELINE / (time.perf_counter() - began)


def _ping():
    return (yield command("PING"))
