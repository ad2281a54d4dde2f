"""Layers of dependencies: what functions import beyond Lambda's own, built by uv from the lock, without Docker."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headworks.errors import HeadworksError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.tree import Tree

# What Lambda's Python runtimes ship (docs.aws.amazon.com/lambda, "Runtime-included SDK versions").
SHIPPED_BY_LAMBDA = ("boto3", "botocore", "s3transfer")
# Raised when the recipe below makes something else of the same lock.
RECIPE = "1"


class PackagingFailed(HeadworksError):
    """A layer of dependencies couldn't be built; nothing was deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The interpreter that wheels are chosen for; without a `platform` (uv's name of it), the one that runs this."""

    python: str
    platform: str | None


def build(tree: Tree, target: Target, *, group: str | None = None) -> Path:
    """The layer's folder for this lock and target, made only if it isn't there yet.

    Its name ends with a hash of all that goes into it, which serves as the asset's.  A `group` of the
    project's is what some functions import beside what all do.
    """
    uv = _Uv(tree)
    requirements = _locked_requirements(uv) if group is None else _locked_group(uv, group)
    compiler = _matching_interpreter(uv, target)
    digest = _digest(requirements, target, compiled=compiler is not None)
    layer = tree.build / f"{group or 'dependencies'}-{digest}"
    if layer.is_dir():
        return layer
    draft = layer.with_suffix(f".{os.getpid()}")
    try:
        _install(uv, requirements, target, draft)
        _strip(draft)
        if compiler is not None:
            _compile(compiler, draft)
        _move(draft, layer)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return layer


class _Uv:
    """uv, wherever it is installed, run in a checkout."""

    def __init__(self, tree: Tree) -> None:
        self._root = tree.root
        ours = (Path(sys.executable).parent, tree.root / ".headworks-tools" / "bin")
        places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, ours)])
        found = shutil.which("uv", path=places)
        if found is None:
            raise PackagingFailed(
                "uv isn't installed, and it builds layers of dependencies: run `pip install uv`, or see docs.astral.sh/uv"
            )
        self._path = found

    def __call__(self, *arguments: str) -> str:
        return _run(self._path, *arguments, directory=self._root)


def _locked_requirements(uv: _Uv) -> str:
    """Name, version and hashes of every package in the layer of all functions, as the lock has them."""
    return _exported(uv, "--no-dev", without=SHIPPED_BY_LAMBDA)


def _locked_group(uv: _Uv, group: str) -> str:
    """The same for a group's packages, without those that all functions have."""
    there = re.findall(r"^([\w.-]+)==", _locked_requirements(uv), re.MULTILINE)
    return _exported(uv, "--only-group", group, without=(*SHIPPED_BY_LAMBDA, *there))


def _exported(uv: _Uv, *which: str, without: Sequence[str]) -> str:
    unneeded = [word for package in without for word in ("--prune", package)]
    what = ("--frozen", "--no-emit-project", "--no-header", "--no-annotate")
    return uv("export", "--quiet", *what, *which, *unneeded)


def _matching_interpreter(uv: _Uv, target: Target) -> str | None:
    """An interpreter of the layer's own version, if this machine has one: no other's bytecode is of use there."""
    if target.platform is None:
        return sys.executable
    try:
        return uv("python", "find", "--quiet", "--no-project", "--no-python-downloads", target.python).strip()
    except PackagingFailed:
        return None


def _digest(requirements: str, target: Target, *, compiled: bool) -> str:
    ingredients = (RECIPE, requirements, target.python, str(target.platform), str(compiled))
    return hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:32]


def _install(uv: _Uv, requirements: str, target: Target, layer: Path) -> None:
    layer.mkdir(parents=True)
    locked = layer / "requirements.txt"
    locked.write_text(requirements)
    chosen = ["--python", sys.executable]
    if target.platform is not None:
        chosen += ["--python-version", target.python, "--python-platform", target.platform]
    # --no-deps: the lock is complete, and what Lambda ships was taken out of it on purpose.
    strict = ("--no-deps", "--require-hashes", "--only-binary", ":all:")
    into = ("--target", str(layer / "python"), "--requirements", str(locked))
    uv("pip", "install", "--quiet", *strict, *chosen, *into)
    locked.unlink()


def _strip(layer: Path) -> None:
    """Take out what no function imports: commands, tests that packages ship of themselves, uv's own lock."""
    commands = layer / "python" / "bin"
    (layer / "python" / ".lock").unlink(missing_ok=True)
    for unused in (commands, *sorted(layer.rglob("tests")), *sorted(layer.rglob("__pycache__"))):
        shutil.rmtree(unused, ignore_errors=True)


def _compile(interpreter: str, layer: Path) -> None:
    """Compile once here what every cold start would compile for itself: nobody can write to /opt.

    Unchecked, because zipping changes the times by which Python would find it stale.
    """
    how = ("-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(layer), "-p", "/opt")
    _run(interpreter, "-m", "compileall", *how, str(layer / "python"), directory=layer)


def _move(draft: Path, layer: Path) -> None:
    try:
        draft.rename(layer)
    except OSError:
        # Another synthesis was faster, and by its name its layer is the same.
        if not layer.is_dir():
            raise


def _run(*command: str, directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingFailed(
            f"`{Path(command[0]).name} {' '.join(command[1:3])}` failed: {done.stderr.strip()}"
        )
    return done.stdout
