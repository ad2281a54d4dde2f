"""The CDK app: `npx cdk synth`, `npx cdk deploy --all`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import aws_cdk as cdk

from headworks.errors import HeadworksError
from infra import names
from infra.deployment import Deployment
from infra.guard_rails import check_packages, guard
from infra.stacks.low_latency import HeadworksLowLatency
from infra.stacks.monitoring import HeadworksMonitoring
from infra.stacks.service import HeadworksService
from infra.stacks.storage import HeadworksStorage
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from headworks.topology import Topology


class Stacks(NamedTuple):
    """A pipeline's stacks: `service.queue("webhooks").function` and its like are ordinary constructs."""

    storage: HeadworksStorage
    service: HeadworksService
    monitoring: HeadworksMonitoring
    low_latency: HeadworksLowLatency | None = None


def build(app: cdk.App, topology: Topology, deployment: Deployment) -> Stacks:
    """The stacks of a pipeline, in no particular environment: synthesis asks AWS nothing."""
    check_packages(topology, deployment.tree)
    guard(app)
    storage = HeadworksStorage(app, names.STORAGE, topology=topology, deployment=deployment)
    limits = deployment.low_latency
    low_latency = HeadworksLowLatency(app, names.LOW_LATENCY, limits=limits) if limits else None
    service = HeadworksService(
        app, names.SERVICE, topology=topology, deployment=deployment, storage=storage, low_latency=low_latency
    )
    monitoring = HeadworksMonitoring(
        app,
        names.MONITORING,
        topology=topology,
        deployment=deployment,
        service=service,
        low_latency=low_latency,
    )
    return Stacks(storage, service, monitoring, low_latency)


def main() -> None:
    """Synthesise this repository's pipeline."""
    app = cdk.App()
    try:
        build(app, TOPOLOGY, Deployment.from_context(app.node, TOPOLOGY))
    except HeadworksError as error:
        sys.exit(f"headworks: {error}")
    app.synth()


if __name__ == "__main__":
    main()
