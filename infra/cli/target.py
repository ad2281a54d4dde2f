"""Which pipeline a command speaks to: the local run if it is up, else the one that is deployed to AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headworks.errors import HeadworksError
from infra.cli.admin import Admin
from infra.local.aws import reachable
from infra.local.outputs import read_outputs
from infra.local.workspace import HOME, Workspace
from infra.names import SERVICE, STORAGE

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


class NotDeployed(HeadworksError):
    """There is no local run, and AWS has no pipeline of ours where it was looked for."""

    def __init__(self, why: object) -> None:
        super().__init__(
            f"no pipeline was found: no local run is up (`make dev`), and in AWS: {why}".rstrip(".")
        )


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
    from headworks.webhooks.secrets import read_secret

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
    return Admin(endpoint=reachable(outputs["Endpoint"]), token=read_secret("AdminSecret", value)[-1])
