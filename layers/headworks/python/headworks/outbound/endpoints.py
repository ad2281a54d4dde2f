"""Endpoints: whom deliveries go to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from headworks import naming
from headworks.errors import InvalidDeclaration
from headworks.outbound.errors import AddressRefused
from headworks.outbound.target import parse_target


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A subscriber's address.

    Its URL is declared here or given at deployment (`-c endpoint.<name>=https://...`, which
    wins).  `timeout` bounds a whole delivery, from the name look-up to the answer's last byte that
    we read.  Answers are read up to `response_limit_bytes`, for the record.
    """

    name: str
    url: str | None = None
    timeout: timedelta = timedelta(seconds=15)
    response_limit_bytes: int = 16 * 1024

    def __post_init__(self) -> None:
        naming.check_name(self.name, "an endpoint's")
        if self.url is not None:
            self._check_url(self.url)
        if self.timeout <= timedelta(0):
            raise InvalidDeclaration(f"endpoint {self.name}: a timeout of {self.timeout} reaches nobody")

    @property
    def url_variable(self) -> str:
        """The environment variable that holds the URL that this deployment gives."""
        return naming.variable("ENDPOINT_URL", self.name)

    @property
    def secret_variable(self) -> str:
        """The environment variable that names the signing secret of this endpoint in Secrets Manager."""
        return naming.variable("ENDPOINT_SECRET", self.name)

    @property
    def context_key(self) -> str:
        """The CDK context key that gives the URL at deployment."""
        return f"endpoint.{self.name}"

    @property
    def resource_id(self) -> str:
        """The endpoint's name as CDK construct ids are written."""
        return naming.resource_id(self.name)

    def _check_url(self, url: str) -> None:
        try:
            parse_target(url)
        except AddressRefused as error:
            raise InvalidDeclaration(f"endpoint {self.name}: {error}") from error
