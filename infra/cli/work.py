"""A long-running consumer on this machine: `headworks work`."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headworks.errors import HeadworksError
from infra.cli.options import QueueArgument, complete_consumer
from infra.cli.target import Directory, NotDeployed, Profile, Region
from infra.local.aws import clients_of
from infra.local.environment import adopt, function_environment, is_told
from infra.local.outputs import read_outputs
from infra.local.workspace import HOME, Workspace
from infra.names import SERVICE
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from headworks.consumer import Consumption
    from headworks.queue import Queue
    from headworks.working.parts import RedisParts, SqsParts

FUNCTION = "AWS::Lambda::Function"


class CantWork(HeadworksError):
    """A consumer that no worker can run."""


def work(
    queue: QueueArgument,
    consumer: Annotated[
        str | None,
        typer.Option(
            "--consumer", help="Whose messages, where it has several.", autocompletion=complete_consumer
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many messages to run at once; a handler of batches has one batch at a time.",
            show_default="5",
        ),
    ] = None,
    prefetch: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many messages to fetch ahead; a handler of batches has none.",
            show_default="by itself",
        ),
    ] = None,
    poll: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=20,
            help="Seconds that a fetch waits for a message.",
            show_default="1 on Redis, 5 on SQS",
        ),
    ] = None,
    grace: Annotated[int, typer.Option(min=0, help="Seconds that running handlers have at a stop.")] = 30,
    health_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Answer on this port of this machine how the worker is."),
    ] = None,
    directory: Directory = HOME,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Take a queue's messages in this process, as its function does on Lambda, until Ctrl-C or SIGTERM."""
    declared, name = _declared(queue, consumer)
    adopt(_settings(declared, name, directory, profile, region))
    # Imported here: its clients are made of what was adopted, and nobody else waits for them.
    from headworks import wiring
    from headworks.worker import Worker
    from headworks.working.parts import SqsParts

    consumption = _consumption(name)
    parts = _parts(consumption)
    worker = Worker(
        consumption.queue,
        consumption.handle,
        consumer=consumption.consumer,
        in_batches=consumption.in_batches,
        parts=parts,
        is_paused=wiring.pause_of(consumption.queue, consumption.consumer),
        concurrency=concurrency,
        grace=timedelta(seconds=grace),
        prefetch=prefetch,
        poll=None if poll is None else timedelta(seconds=poll),
        health_port=health_port,
    )
    # Lines of the log are for machines, and there are none until a message comes.
    transport = "SQS" if isinstance(parts, SqsParts) else "Redis"
    typer.echo(f"{name} takes messages of {queue} over {transport}. Ctrl-C stops it.", err=True)
    worker.run()
    typer.echo(f"{name} has stopped.", err=True)


def _parts(consumption: Consumption) -> RedisParts | SqsParts:
    """Over Redis where the queue is declared so and the settings name a server, else over SQS."""
    from headworks import wiring
    from headworks.settings import Settings
    from headworks.working.parts import SqsParts

    if url := wiring.redis_url(consumption.queue, Settings()):
        return wiring.redis_parts(consumption.parts, url)
    return SqsParts(
        consumer=consumption.parts,
        receiver=wiring.sqs_receiver(consumption.queue, consumption.consumer),
        visibility=wiring.sqs_visibility(consumption.queue, consumption.consumer),
    )


def _declared(name: str, consumer: str | None) -> tuple[Queue, str]:
    queue = TOPOLOGY.queue(name)
    if queue is None:
        known = ", ".join(each.name for each in TOPOLOGY.queues)
        raise typer.BadParameter(
            f"{name!r} isn't a queue of this pipeline: those are {known}", param_hint="QUEUE"
        )
    consumers = ", ".join(queue.consumers)
    if consumer is None and queue.is_fanned_out:
        raise typer.BadParameter(f"{name} has several: {consumers}", param_hint="--consumer")
    if consumer is not None and consumer not in queue.consumers:
        raise typer.BadParameter(
            f"{consumer!r} isn't a consumer of {name}: those are {consumers}", param_hint="--consumer"
        )
    return queue, consumer or queue.consumers[0]


def _consumption(consumer: str) -> Consumption:
    from headworks.consumer import consumption_of

    found = consumption_of(import_module(f"{consumer}.handler").handler)
    if found is None:
        raise CantWork(
            f"{consumer}.handler.handler isn't a Consumer, or something around it hides what it was made of "
            "(functools.wraps keeps it)"
        )
    return found


def _settings(
    queue: Queue, consumer: str, directory: Path, profile: str | None, region: str | None
) -> Mapping[str, str]:
    """What its function is told: of the local run if it is up, else as this process was told, else of AWS."""
    outputs = Workspace(directory.resolve()).outputs
    asks_for_aws = profile is not None or region is not None
    if not asks_for_aws and (directory != HOME or outputs.exists()):
        endpoint = read_outputs(outputs).aws_endpoint_url
        return {**_variables(consumer, clients_of(endpoint)), **function_environment(endpoint)}
    if not asks_for_aws and is_told(queue.url_variable(consumer)):
        return {}
    return _deployed_settings(consumer, profile, region)


def _deployed_settings(consumer: str, profile: str | None, region: str | None) -> Mapping[str, str]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    own = {"AWS_PROFILE": profile, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        variables = _variables(consumer, session.client)
    except (BotoCoreError, ClientError) as error:
        raise NotDeployed(error) from error
    return {**variables, **{name: value for name, value in own.items() if value is not None}}


def _variables(consumer: str, client: Callable[[Any], Any]) -> dict[str, str]:
    """The environment of the consumer's function."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=SERVICE)
    names = [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == FUNCTION
    ]
    functions = client("lambda")
    for name in names:
        function = functions.get_function_configuration(FunctionName=name)
        if function["Handler"] == f"{consumer}.handler.handler":
            variables: dict[str, str] = function["Environment"]["Variables"]
            return variables
    raise NotDeployed(f"the stack {SERVICE} has no function {consumer}")
