"""Sources: who sends us webhooks, how theirs are verified and what identifies an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from headworks import naming
from headworks.errors import InvalidDeclaration


@dataclass(frozen=True, slots=True, kw_only=True)
class InHeader:
    """A value that the provider puts into a header, which some senders spell as its `alias`."""

    name: str
    alias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InBody:
    """A value in the JSON body, by its dotted path."""

    path: str


Place = InHeader | InBody
SchemeName = Literal["stripe", "github", "standard-webhooks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One provider's webhooks.

    `scheme` says how it signs; a timestamp that is signed along may be `tolerance` old or
    ahead.  `event_id` is where its own id of an event stands (same id, same event, for
    ever) and `event_type` where the event's type does.  `forwarded_headers` go to
    the endpoint as they came, beside Content-Type.
    """

    name: str
    scheme: SchemeName
    event_id: Place
    event_type: Place
    forwarded_headers: tuple[str, ...] = field(default=())
    tolerance: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        naming.check_name(self.name, "a source's")
        if self.tolerance <= timedelta(0):
            raise InvalidDeclaration(f"{self.name}: a tolerance of {self.tolerance} refuses every event")

    @property
    def path(self) -> str:
        """Where the provider posts to, under the API's address."""
        return f"/webhooks/{self.name}"

    @property
    def resource_id(self) -> str:
        """The source's name as CDK construct ids are written."""
        return naming.resource_id(self.name)

    @property
    def secret_variable(self) -> str:
        """The environment variable that names the secret of this source in Secrets Manager."""
        return naming.variable("SOURCE_SECRET", self.name)


def stripe(name: str = "stripe", *, tolerance: timedelta = timedelta(minutes=5)) -> Source:
    """Stripe's webhooks (docs.stripe.com/webhooks)."""
    return Source(
        name=name,
        scheme="stripe",
        event_id=InBody(path="id"),
        event_type=InBody(path="type"),
        forwarded_headers=("stripe-signature",),
        tolerance=tolerance,
    )


def github(name: str = "github") -> Source:
    """GitHub's webhooks (docs.github.com/webhooks); they carry no timestamp."""
    return Source(
        name=name,
        scheme="github",
        event_id=InHeader(name="x-github-delivery"),
        event_type=InHeader(name="x-github-event"),
        forwarded_headers=(
            "x-github-delivery",
            "x-github-event",
            "x-github-hook-id",
            "x-github-hook-installation-target-id",
            "x-github-hook-installation-target-type",
            "x-hub-signature-256",
        ),
    )


def standard_webhooks(
    name: str = "standard-webhooks", *, tolerance: timedelta = timedelta(minutes=5)
) -> Source:
    """Webhooks of any sender that follows standardwebhooks.com; Svix' spelling of its headers will do.

    Its own headers aren't forwarded: deliveries carry ours under the same names.
    """
    return Source(
        name=name,
        scheme="standard-webhooks",
        event_id=InHeader(name="webhook-id", alias="svix-id"),
        event_type=InBody(path="type"),
        tolerance=tolerance,
    )
