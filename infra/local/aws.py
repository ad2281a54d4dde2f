"""Clients of the emulator.  They can reach nothing else, whatever this machine's AWS configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.local.environment import LOOPBACK, REGION

if TYPE_CHECKING:
    from collections.abc import Callable


def clients_of(aws_endpoint_url: str) -> Callable[[str], Any]:
    """A maker of boto3 clients, by the service's name."""
    # Imported here: the command line asks for an address far more often than for a client.
    import boto3
    from botocore.config import Config

    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nobody's
        region_name=REGION,
    )
    config = Config(proxies={}, retries={"total_max_attempts": 2})
    return lambda service: session.client(service, endpoint_url=aws_endpoint_url, config=config)  # type: ignore[call-overload]  # typed by literal names


def reachable(endpoint: str) -> str:
    """An HTTP API's address, of the emulator's without a name to look up: few machines resolve `<id>.execute-api.localhost`.

    `%24default` is the stage `$default`, written so that a shell leaves it alone.
    """
    parts = urlsplit(endpoint)
    api_id, _, domain = (parts.hostname or "").partition(".")
    if domain != "execute-api.localhost":
        return endpoint
    return f"http://{LOOPBACK}:{parts.port}/_aws/execute-api/{api_id}/%24default"
