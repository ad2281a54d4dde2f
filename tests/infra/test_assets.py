"""What is uploaded: a function's own package, our layers, and the locked dependencies."""

from __future__ import annotations

import platform
import re
import tomllib
from importlib.metadata import version

import aws_cdk as cdk
import pytest

from infra import dependencies
from infra.app import build
from infra.dependencies import SHIPPED_BY_LAMBDA, PackagingFailed
from infra.deployment import ON_LAMBDA, Deployment
from infra.tree import Tree
from tests.infra.conftest import OTHER, PACKAGES, add_package

# PEP 552: a hash that isn't checked against the source.
UNCHECKED_HASH = 0b01


def test_a_functions_asset_holds_its_package_alone(synthesised):
    for function in synthesised.resources("AWS::Lambda::Function").values():
        package = function["Properties"]["Handler"].split(".")[0]

        files = files_in(asset(synthesised, function["Properties"]["Code"]["S3Key"]))
        source = synthesised.deployment.tree.functions
        assert files == {
            str(path.relative_to(source)) for path in (source / package).rglob("*") if is_source(path)
        }
        assert f"{package}/handler.py" in files


def test_our_layers_are_laid_out_as_lambda_unpacks_them_without_bytecode_and_testing(ours):
    _, library, pipeline = layers(ours)

    assert "python/headworks/py.typed" in files_in(library)
    assert "python/pipeline/__init__.py" in files_in(pipeline)
    for layer in (library, pipeline):
        assert not [file for file in files_in(layer) if "__pycache__" in file or "/testing/" in file]


def test_the_dependencies_layer_holds_what_is_declared_and_nothing_that_lambda_ships(ours):
    wheels, _, _ = layers(ours)
    names = {path.name for path in (wheels / "python").iterdir()}

    assert {f"{package.replace('-', '_')}-{version(package)}.dist-info" for package in declared()} <= names
    assert not names & {*SHIPPED_BY_LAMBDA, "dateutil", "bin", "tests", ".lock", "requirements.txt"}


def test_the_admin_apis_own_layer_holds_what_no_other_function_imports(ours):
    wheels, admins = layers(ours)[0], admin_layer(ours)
    common, own = ({path.name for path in (each / "python").iterdir()} for each in (wheels, admins))

    assert f"pydantic-{version('pydantic')}.dist-info" in own
    assert "pydantic" not in common
    assert not own & common - {"__pycache__"}
    assert all("cpython-314-aarch64-linux" in path.name for path in admins.rglob("*.so"))


def test_the_dependencies_layer_is_built_for_lambdas_processor_and_python(ours):
    wheels, _, _ = layers(ours)
    compiled = [path.name for path in wheels.rglob("*.so")]

    assert compiled
    assert all("cpython-314-aarch64-linux" in name for name in compiled)


def test_a_change_in_a_sibling_leaves_a_functions_asset_alone(tmp_path, other):
    tree = a_checkout(tmp_path, PACKAGES)
    (tree.functions / "post_letter" / "handler.py").write_text("# changed\n")

    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    changed = build(app, OTHER, Deployment(local=True, tree=tree)).service

    for queue, consumer in other.consumers():
        before, after = (
            service.resolve(
                service.queue(queue.name).consumer(consumer.name).function.node.default_child.code
            )["s3Key"]
            for service in (other.stacks.service, changed)
        )
        assert (before == after) == (consumer.name != "post_letter")


def test_nothing_is_built_again_while_the_lock_is_the_same():
    layer = dependencies.build(Tree(), ON_LAMBDA)
    made = layer.stat().st_mtime_ns

    assert dependencies.build(Tree(), ON_LAMBDA) == layer
    assert layer.stat().st_mtime_ns == made


def test_a_laptop_gets_a_layer_of_its_own_with_bytecode_that_survives_zipping(other):
    wheels, _, _ = layers(other)
    [compiled] = wheels.glob("python/__pycache__/typing_extensions.*.pyc")

    assert not list(wheels.rglob("*aarch64*.so")) or platform.machine() == "aarch64"
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == UNCHECKED_HASH


def test_a_wheel_that_isnt_the_locked_one_is_refused(tmp_path):
    tree = a_checkout(tmp_path, [])
    lock = (Tree().root / "uv.lock").read_text()
    (tree.root / "uv.lock").unlink()
    (tree.root / "uv.lock").write_text(
        re.sub(r'hash = "sha256:[0-9a-f]{64}"', f'hash = "sha256:{"0" * 64}"', lock)
    )

    with pytest.raises(PackagingFailed, match=r"(?i)hash"):
        dependencies.build(tree, ON_LAMBDA)

    assert not list(tree.build.glob("*"))


def test_without_uv_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    with pytest.raises(PackagingFailed, match="uv isn't installed"):
        dependencies.build(Tree(root=tmp_path), ON_LAMBDA)


def declared():
    """What the project says its functions import."""
    project = tomllib.loads((Tree().root / "pyproject.toml").read_text())["project"]
    return [re.split(r"[<>=!~ \[]", requirement)[0] for requirement in project["dependencies"]]


def a_checkout(root, packages):
    """The repository with function packages of its own and an empty build folder."""
    for part in ("layers", "pyproject.toml", "uv.lock"):
        (root / part).symlink_to(Tree().root / part)
    for package in packages:
        add_package(root, package)
    return Tree(root=root)


def layers(synthesised):
    """The layers under every function as they are uploaded: dependencies, library, pipeline."""
    return [
        layer(synthesised, description)
        for description in ("Locked dependencies", "The Headworks library", "This pipeline's declarations")
    ]


def admin_layer(synthesised):
    return layer(synthesised, "Locked dependencies: admin")


def layer(synthesised, description):
    [content] = [
        each["Properties"]["Content"]
        for each in synthesised.resources("AWS::Lambda::LayerVersion").values()
        if each["Properties"]["Description"] == description
    ]
    return asset(synthesised, content["S3Key"])


def asset(synthesised, key):
    return synthesised.assembly / f"asset.{key.removesuffix('.zip')}"


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def is_source(path):
    return path.is_file() and "__pycache__" not in path.parts
