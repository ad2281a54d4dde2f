"""Which pipeline a command speaks to: the local run if it is up, else the one that is deployed to AWS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headworks.claim_check import ClaimCheck
from headworks.errors import HeadworksError
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.webhooks.secrets import read_secret
from infra.cli.admin import Admin
from infra.local.aws import clients_of
from infra.local.outputs import read_outputs
from infra.local.workspace import HOME, Workspace
from infra.names import SERVICE, STORAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.ledger.catalogue import Catalogue
    from headworks.queue import Queue

READ_TIMEOUT_SECONDS = 20
PANEL = "Which pipeline"

Directory = Annotated[
    Path,
    typer.Option(
        help="Where the local run keeps its files, `.local` by default; one run in each.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        help="Look at the pipeline in AWS, with this profile.", show_default=False, rich_help_panel=PANEL
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        help="Look at the pipeline in AWS, in this region.", show_default=False, rich_help_panel=PANEL
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A pipeline that is up, as far as its ledger shows it."""

    catalogue: Catalogue
    claim_check: Callable[[Queue], ClaimCheck | None]


class NotDeployed(HeadworksError):
    """There is no local run, and AWS has no pipeline of ours where it was looked for."""

    def __init__(self, why: object) -> None:
        super().__init__(
            f"no pipeline was found: no local run is up (`make dev`), and in AWS: {why}".rstrip(".")
        )


def find_target(directory: Path, profile: str | None, region: str | None) -> Target:
    """The local run of this directory if it is up and AWS wasn't asked for; else what is deployed there.

    Raises `NotRunning` for a directory that was named, `NotDeployed`.
    """
    outputs = Workspace(directory.resolve()).outputs
    if profile is None and region is None and (directory != HOME or outputs.exists()):
        found = read_outputs(outputs)
        return _target(
            clients_of(found.aws_endpoint_url), table=found.ledger_table, bucket=found.claim_check_bucket
        )
    return _deployed(profile, region)


def _deployed(profile: str | None, region: str | None) -> Target:
    # Imported here: whoever works locally doesn't wait for it twice.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from headworks.clients import config

    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        stacks = session.client("cloudformation").describe_stacks(StackName=STORAGE)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise NotDeployed(error) from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0].get("Outputs", ())}

    def client(service: str) -> Any:
        return session.client(service, config=config(read_timeout=READ_TIMEOUT_SECONDS))  # type: ignore[call-overload]  # typed by literal names

    return _target(client, table=outputs["LedgerTable"], bucket=outputs["ClaimCheckBucket"])


def find_admin(directory: Path, profile: str | None, region: str | None) -> Admin:
    """The admin API of the local run of this directory if it is up and AWS wasn't asked for; else the deployed one's.

    Raises `NotRunning` for a directory that was named, `NotDeployed`.
    """
    outputs = Workspace(directory.resolve()).outputs
    if profile is None and region is None and (directory != HOME or outputs.exists()):
        found = read_outputs(outputs)
        return Admin(endpoint=found.endpoint, token=found.admin_token)
    return _deployed_admin(profile, region)


def _deployed_admin(profile: str | None, region: str | None) -> Admin:
    # Imported here: whoever works locally doesn't wait for it twice.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from headworks.clients import config

    limits = config(read_timeout=READ_TIMEOUT_SECONDS)
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        formation = session.client("cloudformation", config=limits)
        outputs = {
            each["OutputKey"]: each["OutputValue"]
            for stack in (STORAGE, SERVICE)
            for each in formation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", ())
        }
        secrets = session.client("secretsmanager", config=limits)
        value = secrets.get_secret_value(SecretId=outputs["AdminSecret"])["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise NotDeployed(error) from error
    except KeyError as error:
        raise NotDeployed(f"its stacks have no output {error}, so no admin API: deploy it anew") from error
    # While it is rotated, the old one is known to functions that haven't heard of the new one.
    return Admin(endpoint=outputs["Endpoint"], token=read_secret("AdminSecret", value)[-1])


def _target(client: Callable[[str], Any], *, table: str, bucket: str) -> Target:
    objects = client("s3")
    return Target(
        catalogue=DynamoDBCatalogue(client("dynamodb"), table=table),
        claim_check=lambda queue: ClaimCheck(queue, objects, bucket=bucket),
    )
