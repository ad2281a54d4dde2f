"""The stacks of two pipelines, synthesised once: this repository's, and one with what it doesn't use."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from headworks.announcements import Announcement
from headworks.bucket import Bucket
from headworks.edge import Edge
from headworks.outbound.endpoints import Endpoint
from headworks.queue import Queue
from headworks.table import Table
from headworks.topology import Topology
from headworks.upkeep import UPKEEP
from headworks.webhooks import sources
from headworks.webhooks.routes import Route
from infra.app import Stacks, build
from infra.deployment import Deployment
from infra.tree import Tree
from pipeline import TOPOLOGY

OBITUARIES = Queue(
    name="obituaries",
    payload=Announcement,
    consumers=("tell_operator",),
    internal=True,
    dead_letters_kept_for=timedelta(days=14),
)
OTHER = Topology(
    queues=(
        OBITUARIES,
        Queue(
            name="order-lines",
            payload=Any,
            consumers=("pick_order_line",),
            fifo=True,
            max_concurrency=50,
            announces_dead_to=OBITUARIES,
        ),
        Queue(
            name="clicks",
            payload=Any,
            consumers=("count_clicks",),
            batch_size=100,
            batch_window=timedelta(seconds=5),
            timeout=timedelta(seconds=2),
            claim_check_over_bytes=16 * 1024,
            memory_mb=512,
        ),
        Queue(name="letters", payload=Any, consumers=("post_letter",), emits=("order-facts", "clicks")),
        Queue(
            name="order-facts",
            payload=Any,
            consumers=("update_stock", "tell_customer"),
            fifo=True,
            internal=True,
        ),
        Queue(name="news", payload=Any, consumers=("print_news", "read_news", "keep_news"), memory_mb=128),
    ),
    sources=(sources.stripe("shop-payments"), sources.github()),
    routes=(Route(queue="clicks"), Route(queue="letters", endpoint="post-office")),
    endpoints=(Endpoint(name="post-office"), Endpoint(name="archive", url="https://archive.example")),
    edges=(
        Edge(function="receive_webhook", routes=("POST /webhooks/{source}",)),
        Edge(
            function="accept_message",
            routes=("POST /queues/{queue}/messages", "DELETE /queues/{queue}/messages/{key+}"),
            memory_mb=1024,
        ),
        Edge(function="tell_health", routes=("GET /health",)),
        Edge(function="place_order", routes=("POST /orders",), sends_to=("order-lines", "news")),
    ),
    tables=(
        Table(name="stock", functions=("update_stock", "place_order")),
        Table(name="customers", functions=("tell_customer",)),
    ),
    buckets=(
        Bucket(name="click-files", functions=("count_clicks", "tell_health"), kept_for=timedelta(days=7)),
        Bucket(name="mail", functions=("post_letter",)),
    ),
)

PACKAGES = sorted(OTHER.functions | {each.function for each in UPKEEP})


@dataclass(frozen=True)
class Synthesised:
    """A pipeline's stacks and what they came to."""

    topology: Topology
    deployment: Deployment
    stacks: Stacks
    assembly: Path
    templates: dict[str, Template]

    def resources(self, kind):
        """Resources of a kind in all stacks, by logical id."""
        return {
            id_: resource
            for template in self.templates.values()
            for id_, resource in template.find_resources(kind).items()
        }

    def properties(self, construct):
        """What the template says of one construct."""
        stack = cdk.Stack.of(construct)
        id_ = self.id_of(construct)
        return self.templates[stack.stack_name].to_json()["Resources"][id_]["Properties"]

    @staticmethod
    def id_of(construct):
        """A construct's logical id."""
        return cdk.Stack.of(construct).resolve(construct.node.default_child.logical_id)

    def target(self, value):
        """What a value refers to: a logical id, across stacks, with what is joined to it."""
        match value:
            case {"Fn::Join": ["", parts]}:
                return "".join(self.target(part) for part in parts)
            case {"Fn::GetStackOutput": {"StackName": stack, "OutputName": output}}:
                return self.target(self.templates[stack].find_outputs(output)[output]["Value"])
            case {"Fn::GetAtt": [id_, _]} | {"Ref": id_}:
                return id_
        return value

    def consumers(self):
        """Every consumer of every declared queue, with the parts that serve it."""
        return [
            (queue, self.stacks.service.queue(queue.name).consumer(consumer))
            for queue in self.topology.queues
            for consumer in queue.consumers
        ]

    def topics(self):
        """Every queue with several consumers, and the topic before them."""
        services = [(queue, self.stacks.service.queue(queue.name)) for queue in self.topology.queues]
        return [(queue, service.topic) for queue, service in services if service.topic]

    def told_by(self, queue):
        """The queues that a queue's consumers send to."""
        target = queue.announces_dead_to
        return self.queues({*queue.emits, *([] if target is None else [target.name])})

    def told_of_the_dead(self):
        """The queues that are told of dead letters."""
        targets = [queue.announces_dead_to for queue in self.topology.queues]
        return [queue for queue in self.topology.queues if queue in targets]

    def queues(self, names):
        """Declared queues by their names."""
        return [queue for queue in self.topology.queues if queue.name in names]


def synthesise(topology, assembly, *, context=None, tree=None):
    """Build a pipeline's stacks with the repository's own feature flags."""
    flags = json.loads((Tree().root / "cdk.json").read_text())["context"]
    app = cdk.App(outdir=str(assembly), context=flags | (context or {}))
    deployment = Deployment.from_context(app.node, topology)
    if tree is not None:
        deployment = replace(deployment, tree=tree)
    stacks = build(app, topology, deployment)
    app.synth()
    templates = {stack.stack_name: Template.from_stack(stack) for stack in stacks if stack is not None}
    return Synthesised(topology, deployment, stacks, assembly, templates)


@pytest.fixture(scope="session")
def ours(tmp_path_factory):
    """This repository's pipeline, as it is deployed."""
    return synthesise(TOPOLOGY, tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    """Another pipeline, on a laptop: FIFO, several consumers, batches with a window, tables, an endpoint without a URL."""
    root = tmp_path_factory.mktemp("other")
    for part in ("layers", "build", "pyproject.toml", "uv.lock"):
        (root / part).symlink_to(Tree().root / part)
    for package in PACKAGES:
        add_package(root, package)
    return synthesise(OTHER, root / "cdk.out", context={"local": "true"}, tree=Tree(root=root))


@pytest.fixture(params=["ours", "other"])
def synthesised(request):
    """Each of them in turn."""
    return request.getfixturevalue(request.param)


def annotations(assembly, stack, level):
    """The texts that synthesis leaves on constructs, each with its construct's path."""
    metadata = json.loads((assembly / f"{stack}.metadata.json").read_text())
    return [
        (path, entry["data"])
        for path, entries in metadata.items()
        for entry in entries
        if entry["type"] == f"aws:cdk:{level}"
    ]


def add_package(root, name):
    """A function package with nothing in it."""
    package = root / "functions" / name
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "handler.py").write_text(f"# {name}\n")
    return package
