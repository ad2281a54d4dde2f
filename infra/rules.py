"""Our rules for what is deployed, over the templates: for what is declared, and for what was added with plain CDK.

Beside AWS Solutions' rules, which know nothing of how Lambda consumes a queue.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from infra.endpoints import ENDPOINTS, services_called

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Template = Mapping[str, Any]

# "Using Lambda with Amazon SQS": room for throttled invocations to be tried again.
VISIBILITY_PER_TIMEOUT = 6
# The same page: throttles count as receives, and a message must outlive some of them.
LEAST_RECEIVES = 5
# "Lambda quotas": names and values together.  A value that is known only once it is deployed is
# mostly a queue's URL, and about this long.
MAX_ENVIRONMENT_BYTES = 4096
REFERENCE_BYTES = 120
# "IAM and AWS STS quotas": all inline policies of a role together, without blanks.
MAX_POLICIES_BYTES = 10_240
# What AWS takes where a template says nothing.
DEFAULT_VISIBILITY_SECONDS = 30
DEFAULT_TIMEOUT_SECONDS = 3
DEFAULT_RETENTION_SECONDS = 4 * 24 * 3600


class Resource(NamedTuple):
    """A resource of a stack."""

    stack: str
    logical_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that a resource breaks: what comes of it, and what to do instead."""

    rule: str
    resource: Resource
    why: str
    fix: str


class Templates:
    """The templates of an app, by stack, as one graph."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = templates

    def violations(self) -> Iterator[Violation]:
        """Every breach of our rules."""
        for mapping, properties in self._all("AWS::Lambda::EventSourceMapping"):
            yield from self._in_mapping(mapping, properties)
        for function, properties in self._all("AWS::Lambda::Function"):
            yield from _in_function(function, properties)
            yield from self._in_network(function, properties)
        for role, size in self._policies().items():
            yield from _in_policies(role, size)
        for log_group, properties in self._all("AWS::Logs::LogGroup"):
            yield from _in_log_group(log_group, properties)
        for queue, properties in self._all("AWS::SQS::Queue"):
            yield from self._in_queue(queue, properties)
        yield from self._unwatched()

    def _in_mapping(self, mapping: Resource, properties: Template) -> Iterator[Violation]:
        queue = self._target(mapping.stack, properties["EventSourceArn"])
        function = self._target(mapping.stack, properties["FunctionName"])
        if queue is None or function is None or self._type(queue) != "AWS::SQS::Queue":
            return
        yield from _in_polling(mapping, properties)
        if "ReportBatchItemFailures" not in properties.get("FunctionResponseTypes", ()):
            yield Violation(
                rule="PartialBatches",
                resource=mapping,
                why="One failed message repeats its whole batch.",
                fix="Set report_batch_item_failures.",
            )
        timeout = self._properties(function).get("Timeout", DEFAULT_TIMEOUT_SECONDS)
        hidden = self._properties(queue).get("VisibilityTimeout", DEFAULT_VISIBILITY_SECONDS)
        least = VISIBILITY_PER_TIMEOUT * timeout + properties.get("MaximumBatchingWindowInSeconds", 0)
        if hidden < least:
            yield Violation(
                rule="Visibility",
                resource=mapping,
                why=f"Its queue hides a message for {hidden} s: too short for a throttled batch to be tried again.",
                fix=f"Hide it for {least} s: six times the function's timeout, and the batch window.",
            )

    def _in_network(self, function: Resource, properties: Template) -> Iterator[Violation]:
        """What a function inside may call has an endpoint there: a call without one hangs until its time is over."""
        if "VpcConfig" not in properties:
            return
        role = self._target(function.stack, properties["Role"])
        statements = [
            statement
            for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
            for policy, found in self._all(kind)
            if role in [self._target(policy.stack, each) for each in found.get("Roles", ())]
            for statement in found["PolicyDocument"]["Statement"]
        ]
        led_to = {
            _deployed(endpoint["ServiceName"]).rpartition(".")[2]
            for _, endpoint in self._all("AWS::EC2::VPCEndpoint")
        }
        for service in services_called(statements):
            if ENDPOINTS.get(service) not in led_to:
                yield Violation(
                    rule="NoWayOut",
                    resource=function,
                    why=f"It may call {service}, and the network that it is in doesn't lead there: calls would hang.",
                    fix="Add an interface endpoint of that service to the network, and its name to infra/endpoints.py.",
                )

    def _in_queue(self, queue: Resource, properties: Template) -> Iterator[Violation]:
        redrive = properties.get("RedrivePolicy", {})
        if int(redrive.get("maxReceiveCount", LEAST_RECEIVES)) < LEAST_RECEIVES:
            yield Violation(
                rule="ReceiveLimit",
                resource=queue,
                why="A throttled receive counts too: messages would die there that never ran.",
                fix=f"Let a message be received {LEAST_RECEIVES} times or more.",
            )
        dead_letter_queue = self._target(queue.stack, redrive.get("deadLetterTargetArn"))
        if dead_letter_queue is None:
            return
        if _retention(self._properties(dead_letter_queue)) <= _retention(properties):
            yield Violation(
                rule="DeadLetterRetention",
                resource=dead_letter_queue,
                why="A dead letter's age goes on from its first send: it could be deleted unseen.",
                fix="Keep dead letters longer than their queue keeps messages.",
            )

    def _unwatched(self) -> Iterator[Violation]:
        watched = {
            self._target(alarm.stack, dimension["Value"])
            for alarm, properties in self._all("AWS::CloudWatch::Alarm")
            if properties.get("MetricName") == "ApproximateNumberOfMessagesVisible"
            for dimension in properties["Dimensions"]
        }
        for queue, properties in self._all("AWS::SQS::Queue"):
            redrive = properties.get("RedrivePolicy", {}).get("deadLetterTargetArn")
            dead_letter_queue = self._target(queue.stack, redrive)
            if dead_letter_queue is not None and dead_letter_queue not in watched:
                yield Violation(
                    rule="DeadLettersUnwatched",
                    resource=dead_letter_queue,
                    why="Messages would die there unseen.",
                    fix="Set an alarm on its visible messages.",
                )

    def _policies(self) -> Mapping[Resource, int]:
        """How large the inline policies of each role are."""
        sizes: Counter[Resource] = Counter()
        for policy, properties in self._all("AWS::IAM::Policy"):
            text = json.dumps(_deployed(properties["PolicyDocument"]), separators=(",", ":"))
            for role in properties.get("Roles", ()):
                if (resource := self._target(policy.stack, role)) is not None:
                    sizes[resource] += len(text)
        return sizes

    def _all(self, kind: str) -> Iterator[tuple[Resource, Template]]:
        for stack, template in self._templates.items():
            for logical_id, resource in template.get("Resources", {}).items():
                if resource["Type"] == kind:
                    yield Resource(stack, logical_id), resource.get("Properties", {})

    def _type(self, resource: Resource) -> str:
        return str(self._templates[resource.stack]["Resources"][resource.logical_id]["Type"])

    def _properties(self, resource: Resource) -> Template:
        found: Template = self._templates[resource.stack]["Resources"][resource.logical_id]["Properties"]
        return found

    def _target(self, stack: str, value: Any) -> Resource | None:
        """The resource that a value refers to, in whichever stack; none if it isn't of this app."""
        match value:
            case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), _]}:
                known = self._templates.get(stack, {}).get("Resources", {})
                return Resource(stack, logical_id) if logical_id in known else None
            case {"Fn::GetStackOutput": {"StackName": str(other), "OutputName": str(output)}}:
                outputs = self._templates.get(other, {}).get("Outputs", {})
                return self._target(other, outputs.get(output, {}).get("Value"))
            case {"Fn::ImportValue": str(export)}:
                return self._exported(export)
        return None

    def _exported(self, export: str) -> Resource | None:
        for stack, template in self._templates.items():
            for output in template.get("Outputs", {}).values():
                if output.get("Export", {}).get("Name") == export:
                    return self._target(stack, output["Value"])
        return None


def _in_polling(mapping: Resource, properties: Template) -> Iterator[Violation]:
    if "FilterCriteria" in properties:
        yield Violation(
            rule="Filter",
            resource=mapping,
            why="Lambda deletes what its filter doesn't match.",
            fix="Give each kind of message a queue, or let the function ignore what isn't for it.",
        )
    if "ProvisionedPollerConfig" in properties and "MaximumConcurrency" in properties.get(
        "ScalingConfig", {}
    ):
        yield Violation(
            rule="ProvisionedPollers",
            resource=mapping,
            why="Lambda takes no maximum concurrency beside provisioned pollers.",
            fix="Decide for one of them.",
        )


def _retention(queue: Template) -> int:
    return int(queue.get("MessageRetentionPeriod", DEFAULT_RETENTION_SECONDS))


def _in_function(function: Resource, properties: Template) -> Iterator[Violation]:
    if "ReservedConcurrentExecutions" in properties:
        yield Violation(
            rule="ReservedConcurrency",
            resource=function,
            why="SQS would receive messages that then aren't run, until they are dead.",
            fix="Limit with the queue's max_concurrency.",
        )

    environment = properties.get("Environment", {}).get("Variables", {})
    size = sum(
        len(name.encode()) + (len(value.encode()) if isinstance(value, str) else REFERENCE_BYTES)
        for name, value in environment.items()
    )
    if size > MAX_ENVIRONMENT_BYTES:
        yield Violation(
            rule="Environment",
            resource=function,
            why=f"Its environment takes about {size:,} bytes; Lambda refuses more than {MAX_ENVIRONMENT_BYTES:,}.",
            fix="Have it send to fewer queues, or let the pipeline be two.",
        )


def _in_policies(role: Resource, size: int) -> Iterator[Violation]:
    if size > MAX_POLICIES_BYTES:
        yield Violation(
            rule="RolePolicies",
            resource=role,
            why=f"Its policies take about {size:,} bytes; IAM refuses more than {MAX_POLICIES_BYTES:,}.",
            fix="Have it look after fewer queues, or let the pipeline be two.",
        )


def _deployed(value: Any) -> Any:
    """A part of a template about as long as it is once it is deployed."""
    match value:
        case {"Fn::Join": [str(separator), list(parts)]}:
            # Within an ARN most references are short: a region, an account, half of a name.
            return separator.join(part if isinstance(part, str) else "-" * 20 for part in parts)
        case dict() if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            return "-" * REFERENCE_BYTES
        case dict():
            return {name: _deployed(each) for name, each in value.items()}
        case list():
            return [_deployed(each) for each in value]
    return value


def _in_log_group(log_group: Resource, properties: Template) -> Iterator[Violation]:
    if "RetentionInDays" not in properties:
        yield Violation(
            rule="LogRetention",
            resource=log_group,
            why="Its lines are kept, and paid for, for ever.",
            fix="Set a retention.",
        )
