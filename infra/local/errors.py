"""What can go wrong in a local run, each as a sentence that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.errors import HeadworksError

if TYPE_CHECKING:
    from pathlib import Path


class LocalRunError(HeadworksError):
    """The local run can't go on.  Its text is for the person at the terminal."""


class NotSetUp(LocalRunError):
    """Something that `make` installs isn't there."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: run `make setup` first (`make dev` and `make test` do it by themselves)")


class AlreadyRunning(LocalRunError):
    """Another run holds this workspace."""

    def __init__(self, process: str) -> None:
        super().__init__(
            f"`make dev` is already running in this clone, as process {process}: stop that one first"
        )


class NotRunning(LocalRunError):
    """A command that needs the local run found none."""

    def __init__(self) -> None:
        super().__init__("the local run isn't up: start it with `make dev` in another terminal")


class EmulatorFailed(LocalRunError):
    """The AWS emulator didn't start, or ended."""

    def __init__(self, why: str, log: Path, tail: str) -> None:
        super().__init__(f"the AWS emulator {why}; its log is {log}\n{tail}".rstrip())


class RedisFailed(LocalRunError):
    """The local Redis didn't start, or ended."""

    def __init__(self, why: str, log: Path, tail: str) -> None:
        super().__init__(f"Redis {why}; its log is {log}\n{tail}".rstrip())


class DeploymentFailed(LocalRunError):
    """The CDK couldn't synthesise or deploy the stacks."""

    def __init__(self, step: str, log: Path, tail: str) -> None:
        super().__init__(f"`cdk {step}` failed; its whole output is {log}\n{tail}".rstrip())


class UnusableSample(LocalRunError):
    """A sample file that can't be sent to a source."""


class NoAnswer(LocalRunError):
    """The pipeline took a request and didn't answer it."""

    def __init__(self, url: str, why: object) -> None:
        super().__init__(f"{url} didn't answer: {why}")
