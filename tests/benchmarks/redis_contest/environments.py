"""An environment for each contestant, with the versions that are pinned here, made once and used again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.workspace import PROJECT

if TYPE_CHECKING:
    from tests.benchmarks.redis_contest.contestants import Contestant

# Two of the peers want at least this one.
NEWEST_PYTHONS = ("python3.13", "python3.12", "python3.14")
INSTALL_SECONDS = 300
_PYENV = Path.home() / ".pyenv" / "versions"


class NotInstalled(Exception):
    """A contestant that can't take part here, and why."""


@dataclass(frozen=True)
class Environment:
    """Where a contestant lies, and where its commands are."""

    directory: Path
    commands: Path

    def command(self, name: str) -> str:
        """A command of it, or one that every environment has."""
        own = self.commands / name
        return str(own) if own.exists() else name


def environment(contestant: Contestant, root: Path) -> Environment:
    """Install what isn't installed yet.  Raises `NotInstalled`."""
    if contestant.runtime == "project":
        return Environment(PROJECT, Path(sys.executable).parent)
    directory = root / contestant.name.lower()
    made = directory / "installed.txt"
    pins = "\n".join(contestant.pins)
    if not made.exists() or made.read_text() != pins:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        (_install_for_node if contestant.runtime == "node" else _install_for_python)(contestant, directory)
        made.write_text(pins)
    commands = "node_modules/.bin" if contestant.runtime == "node" else ".venv/bin"
    return Environment(directory, directory / commands)


def _install_for_python(contestant: Contestant, directory: Path) -> None:
    uv = shutil.which("uv") or str(PROJECT / ".headworks-tools" / "bin" / "uv")
    venv = directory / ".venv"
    _run([uv, "venv", "--quiet", "--python", _newest_python(), str(venv)])
    _run([uv, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), *contestant.pins])


def _install_for_node(contestant: Contestant, directory: Path) -> None:
    (directory / "package.json").write_text('{"private": true}\n')
    options = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    _run(["npm", "install", "--prefix", str(directory), *options, *contestant.pins])


def _newest_python() -> str:
    """A Python that runs: what is on PATH may be a shim for one that isn't chosen."""
    installed = sorted(_PYENV.glob("3.1[2-9].*/bin/python"), reverse=True)
    for candidate in (*NEWEST_PYTHONS, *map(str, installed)):
        found = shutil.which(candidate)
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            return found
    # It may know where to get one.
    return ">=3.12"


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{command[0]}: {error}") from error
    if done.returncode:
        raise NotInstalled(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:]}")
