"""Deploys the real stacks to the emulator with the real CDK command line."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headworks.upkeep import DRAIN_EVENT
from infra.local.aws import clients_of, reachable
from infra.local.environment import ACCOUNT, REGION, cdk_environment
from infra.local.errors import DeploymentFailed
from infra.local.outputs import ConsumerOutput, EndpointOutput, Outputs, QueueOutput, SourceOutput
from infra.local.process import kept, tail
from infra.local.workspace import PROJECT, TOOLS, cdk_command
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from headworks.queue import Queue
    from infra.local.workspace import Workspace

    Step = Callable[[str], AbstractContextManager[None]]

LOOPBACK_NETWORK = "127.0.0.0/8"
# Everything quiet that isn't about this deployment, and as much at once as the CDK offers.
COMMON = ("--no-notices", "--no-version-reporting", "--no-color")
DEPLOY = ("--all", "--require-approval", "never", "--method", "direct", "--concurrency", "4")


def deploy(
    workspace: Workspace, *, aws_endpoint_url: str, inbox_url: str, redis_url: str | None, step: Step
) -> Outputs:
    """Bootstrap, synthesise and deploy all stacks, and write down how to reach them.

    Every endpoint of the pipeline leads to the inbox.  Raises `DeploymentFailed`.
    """
    endpoint_urls = {endpoint.name: f"{inbox_url}/{endpoint.name}" for endpoint in TOPOLOGY.endpoints}
    cdk = _Cdk(workspace, aws_endpoint_url)
    # Bootstrapping needs no app (and finds none where it runs), synthesis no AWS: neither waits for the other.
    bootstrap = cdk.command("bootstrap", f"aws://{ACCOUNT}/{REGION}", directory=workspace.directory)
    synth = cdk.command(
        "synth", "--quiet", "--output", str(workspace.assembly), *_context(endpoint_urls, redis_url)
    )
    with step("Synthesising the stacks"), bootstrap as bootstrapped, synth as synthesised:
        synthesised()
        bootstrapped()
    with (
        step("Deploying them with the CDK"),
        cdk.command("deploy", "--app", str(workspace.assembly), *DEPLOY) as deployed,
    ):
        deployed()
    outputs = _outputs(aws_endpoint_url, inbox_url, endpoint_urls)
    _order_topics(clients_of(aws_endpoint_url)("sns"), outputs)
    _start_drains(clients_of(aws_endpoint_url))
    outputs.write(workspace.outputs)
    return outputs


def _context(endpoint_urls: Mapping[str, str], redis_url: str | None) -> tuple[str, ...]:
    context = {"local": "true", "allowed_networks": LOOPBACK_NETWORK}
    if redis_url is not None:
        context["redis_url"] = redis_url
    context |= {endpoint.context_key: endpoint_urls[endpoint.name] for endpoint in TOPOLOGY.endpoints}
    return tuple(word for key, value in context.items() for word in ("--context", f"{key}={value}"))


class _Cdk:
    """The CDK command line, pointed at one emulator."""

    def __init__(self, workspace: Workspace, aws_endpoint_url: str) -> None:
        self._workspace = workspace
        self._environment = cdk_environment(aws_endpoint_url, home=workspace.cdk_home, tools=TOOLS)

    @contextmanager
    def command(self, step: str, *arguments: str, directory: Path = PROJECT) -> Iterator[Callable[[], None]]:
        """Run a command while the block runs; what this yields waits for its success.

        That raises `DeploymentFailed`.
        """
        log = self._workspace.cdk_log(step)
        log.unlink(missing_ok=True)
        command = [str(cdk_command()), step, *arguments, *COMMON]
        with kept(command, env=self._environment, directory=directory, log=log) as process:

            def succeed() -> None:
                if process.wait() != 0:
                    raise DeploymentFailed(step, log, tail(log))

            yield succeed


def _outputs(aws_endpoint_url: str, inbox_url: str, endpoint_urls: Mapping[str, str]) -> Outputs:
    client = clients_of(aws_endpoint_url)
    deployed = _stack_outputs(client("cloudformation"))
    secrets_manager = client("secretsmanager")

    def secret(output: str) -> str:
        return _set_secret(secrets_manager, deployed[output])

    endpoints = {
        endpoint.name: EndpointOutput(
            url=endpoint_urls[endpoint.name], secret=secret(f"EndpointSecret{endpoint.resource_id}")
        )
        for endpoint in TOPOLOGY.endpoints
    }
    return Outputs(
        endpoint=reachable(deployed["Endpoint"]),
        sources={
            source.name: SourceOutput(path=source.path, secret=secret(f"SourceSecret{source.resource_id}"))
            for source in TOPOLOGY.sources
        },
        producer_token=secret("ProducerSecret"),
        admin_token=secret("AdminSecret"),
        inbox_url=inbox_url,
        inbox_secret=next((endpoint.secret for endpoint in endpoints.values()), ""),
        endpoints=endpoints,
        aws_endpoint_url=aws_endpoint_url,
        queues={queue.name: _queue_output(queue, deployed) for queue in TOPOLOGY.queues},
        ledger_table=deployed["LedgerTable"],
        deduplication_table=deployed["DeduplicationTable"],
        claim_check_bucket=deployed["ClaimCheckBucket"],
        tables={table.name: deployed[f"Table{table.resource_id}"] for table in TOPOLOGY.tables},
        buckets={bucket.name: deployed[f"Bucket{bucket.resource_id}"] for bucket in TOPOLOGY.buckets},
    )


def _queue_output(queue: Queue, deployed: Mapping[str, str]) -> QueueOutput:
    ids = {consumer: queue.resource_id_of(consumer) for consumer in queue.consumers}
    return QueueOutput(
        consumers={
            consumer: ConsumerOutput(
                url=deployed[f"QueueUrl{id_}"], dead_letter_queue_url=deployed[f"DeadLetterQueueUrl{id_}"]
            )
            for consumer, id_ in ids.items()
        },
        topic_arn=deployed.get(f"TopicArn{queue.resource_id}"),
    )


def _order_topics(sns: Any, outputs: Outputs) -> None:
    """Make FIFO topics what their templates say: the emulator's CloudFormation forgets it, and drops ordering keys."""
    for queue in TOPOLOGY.queues:
        topic_arn = outputs.queues[queue.name].topic_arn
        if queue.fifo and topic_arn is not None:
            sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="FifoTopic", AttributeValue="true")


def _start_drains(client: Callable[[str], Any]) -> None:
    """Have streams drained from now on, and not from their schedules' first tick on."""
    deployed = _stack_outputs(client("cloudformation"))
    for queue in TOPOLOGY.queues:
        drained = [deployed.get(f"Drain{queue.resource_id_of(each)}") for each in queue.consumers]
        for function in filter(None, drained * queue.drains):
            client("lambda").invoke(
                FunctionName=function, InvocationType="Event", Payload=json.dumps(DRAIN_EVENT)
            )


def _stack_outputs(cloudformation: Any) -> dict[str, str]:
    """The outputs of all stacks, by name."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    return {
        output["OutputKey"]: output["OutputValue"]
        for page in pages
        for stack in page["Stacks"]
        for output in stack.get("Outputs", ())
    }


def _set_secret(secrets_manager: Any, name: str) -> str:
    """Give a secret its value, as an operator does with what a provider gave them.

    32 hexadecimal digits serve every scheme: Standard Webhooks takes them as base64.
    """
    value = secrets.token_hex(16)
    secrets_manager.put_secret_value(SecretId=name, SecretString=value)
    return value
