"""What child processes find in their environment: the only place here that reads ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "us-east-1"
ACCOUNT = "000000000000"
LOOPBACK = "127.0.0.1"

# Nobody's: the emulator takes any.
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# What a process needs of this machine, wherever it runs.
_OF_THE_MACHINE = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR")


def editor() -> str:
    """The command of the user's editor."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"


def adopt(variables: Mapping[str, str]) -> None:
    """Have this process find what a function of ours would: for one that runs a function's code itself."""
    os.environ.update(variables)


def is_told(variable: str) -> bool:
    """Whether this process was started with such a variable."""
    return bool(os.environ.get(variable))


def function_environment(aws_endpoint_url: str) -> dict[str, str]:
    """For code of a function that runs here beside the emulator: it reaches nothing else."""
    return {
        **_CREDENTIALS,
        "AWS_ENDPOINT_URL": aws_endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def redis_environment() -> dict[str, str]:
    """For a Redis: what a process needs of this machine."""
    return {name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ}


def emulator_environment(*, port: int, state: Path) -> dict[str, str]:
    """For the emulator, whose functions inherit it: as little of this machine as possible.

    Nothing of the user's AWS configuration, proxies or Python settings reaches a function,
    as nothing of them would on Lambda.
    """
    return {
        **{name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ},
        "HOME": str(state),
        "TMPDIR": str(state),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": "localhost",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "STATE_DIR": str(state / "saved"),
        "S3_DATA_DIR": str(state / "objects"),
        "DOCKER_HOST": f"unix://{state}/no-docker.sock",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        **_CREDENTIALS,
    }


def cdk_environment(aws_endpoint_url: str, *, home: Path, tools: Path) -> dict[str, str]:
    """For the CDK command line: it can reach the emulator and no account of the user's.

    The app that it runs finds this interpreter as `python`, and what `make` had to install in `tools`.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    # Set in some environments; every synth would compile aws_cdk again.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **inherited,
        **_CREDENTIALS,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), str(tools), os.environ["PATH"])),
        "AWS_ENDPOINT_URL": aws_endpoint_url,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "UV_PROJECT_ENVIRONMENT": sys.prefix,
        "CDK_HOME": str(home),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",
        "NO_COLOR": "1",
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
    }
