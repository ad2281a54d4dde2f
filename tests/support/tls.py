"""TLS in front of a server that has none: what comes in decrypted goes to it, and its answers come back."""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 18


@dataclass(frozen=True)
class OwnCertificate:
    """A certificate that signs itself, and its key."""

    certificate: Path
    key: Path


def certificate(directory: Path) -> OwnCertificate:
    """A certificate for 127.0.0.1, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    own = OwnCertificate(directory / "certificate.pem", directory / "key.pem")
    own.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    own.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return own


@contextmanager
def tls_in_front(own: OwnCertificate, *, listen: int, forward: int) -> Iterator[None]:
    """Speak TLS on one port for a server on another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    with socket.create_server(("127.0.0.1", listen)) as listener:
        threading.Thread(target=_accept, args=(listener, context, forward), daemon=True).start()
        yield


def _accept(listener: socket.socket, context: ssl.SSLContext, forward: int) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_serve, args=(plain, context, forward), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, forward: int) -> None:
    """One connection, both ways, by one thread: an SSL socket isn't to be used by two at once."""
    with (
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection(("127.0.0.1", forward)) as server,
    ):
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _pump(client, server)


def _pump(client: ssl.SSLSocket, server: socket.socket) -> None:
    while True:
        ready = [client] if client.pending() else select.select([client, server], [], [])[0]
        for one in ready:
            data = one.recv(CHUNK)
            if not data:
                return
            (server if one is client else client).sendall(data)
