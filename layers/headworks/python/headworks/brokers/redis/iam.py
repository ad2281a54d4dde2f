"""Logging in to ElastiCache by IAM: a token in place of a password."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from botocore.model import ServiceId
from botocore.session import Session
from botocore.signers import RequestSigner

from headworks.errors import InvalidDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.brokers.redis.address import Credentials

SERVICE = "elasticache"
# "Authenticating with IAM": a token logs in for 15 minutes; who is logged in stays so for 12 hours.
LIVES_SECONDS = 900


def tokens(*, cache: str, user: str, session: Session | None = None) -> Callable[[], Credentials]:
    """Credentials for a serverless cache, signed anew at each call with the process's own AWS credentials.

    Nothing is asked over the network: a token is a signed request that ElastiCache makes for us.
    Raises `InvalidDeclaration` if there is nothing to sign with.
    """
    ours = session or Session()
    region, signing = ours.get_config_variable("region"), ours.get_credentials()
    if region is None or signing is None:
        raise InvalidDeclaration(f"logging in to the cache {cache} by IAM takes AWS credentials and a region")
    emitter = ours.get_component("event_emitter")
    asked = urlencode({"Action": "connect", "User": user, "ResourceType": "ServerlessCache"})
    # ElastiCache signs the name in lower case, and without a scheme.
    request = {
        "method": "GET",
        "url": f"https://{cache.lower()}/?{asked}",
        "body": {},
        "headers": {},
        "context": {},
    }

    def sign() -> Credentials:
        # A signer only borrows the emitter, so it is made where the emitter is held.
        signer = RequestSigner(ServiceId(SERVICE), region, SERVICE, "v4", signing, emitter)
        signed = signer.generate_presigned_url(dict(request), "connect", LIVES_SECONDS, region)
        return user, signed.removeprefix("https://")

    return sign
