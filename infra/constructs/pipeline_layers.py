"""The layers under every function: dependencies, the library, this pipeline's declarations; and under some a few more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from headworks.naming import resource_id
from infra import dependencies
from infra.deployment import RUNTIME

if TYPE_CHECKING:
    from infra.deployment import Deployment

BYTECODE = ["**/__pycache__", "**/*.pyc"]
# What tests import: a change there is no reason to deploy.
TESTING = ["python/headworks/testing"]


class PipelineLayers(Construct):
    """`versions`, in the order in which Lambda unpacks them."""

    def __init__(self, scope: Construct, id_: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id_)
        self._architecture = deployment.architecture
        self._deployment = deployment
        own = deployment.tree.layers
        self.versions = [
            self._layer("Dependencies", self._wheels(None), description="Locked dependencies"),
            self._layer(
                "Library",
                lambda_.Code.from_asset(str(own / "headworks"), exclude=[*BYTECODE, *TESTING]),
                description="The Headworks library",
            ),
            self._layer(
                "Pipeline",
                lambda_.Code.from_asset(str(own / "pipeline"), exclude=BYTECODE),
                description="This pipeline's declarations",
            ),
        ]

    def of_group(self, group: str) -> lambda_.LayerVersion:
        """The layer of what some functions import beside what all do: a group in pyproject.toml."""
        return self._layer(
            resource_id(group), self._wheels(group), description=f"Locked dependencies: {group}"
        )

    def _wheels(self, group: str | None) -> lambda_.Code:
        wheels = dependencies.build(self._deployment.tree, self._deployment.target, group=group)
        return lambda_.Code.from_asset(str(wheels), asset_hash=wheels.name.rpartition("-")[2])

    def _layer(self, id_: str, code: lambda_.Code, *, description: str) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            id_,
            code=code,
            description=description,
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[self._architecture],
        )
