"""The layers under every function: dependencies, the library, this pipeline's declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

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
        wheels = dependencies.build(deployment.tree, deployment.target)
        own = deployment.tree.layers
        self.versions = [
            self._layer(
                "Dependencies",
                lambda_.Code.from_asset(str(wheels), asset_hash=wheels.name.removeprefix("dependencies-")),
                description="Locked dependencies",
            ),
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

    def _layer(self, id_: str, code: lambda_.Code, *, description: str) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            id_,
            code=code,
            description=description,
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[self._architecture],
        )
