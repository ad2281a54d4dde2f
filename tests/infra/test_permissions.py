"""A function may do what its part asks for: these tables are the whole of it."""

from __future__ import annotations

from itertools import chain

from tests.infra.conftest import Synthesised

SEND = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
CONSUME = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
}
ITEMS = {f"dynamodb:{verb}Item" for verb in ("Get", "Put", "Update", "Delete", "BatchGet", "BatchWrite")}
READ_SECRET = {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_a_consumer_may_take_from_its_own_queue_bury_and_keep_its_ledger(synthesised):
    storage, topology = synthesised.stacks.storage, synthesised.topology
    for queue, parts in synthesised.consumers():
        expected = allow(
            (CONSUME, storage.queues[queue.name].queue),
            (SEND, storage.queues[queue.name].dead_letter_queue),
            (ITEMS, storage.ledger.table),
            ({"s3:ListBucket"}, storage.claim_check.bucket),
        ) | {("s3:GetObject", f"{Synthesised.id_of(storage.claim_check.bucket)}/*/{queue.name}/*")}
        if any(route.endpoint for route in topology.routes if route.queue == queue.name):
            expected |= allow(*((READ_SECRET, each.secret) for each in storage.endpoint_secrets.values()))

        assert allowed(synthesised, parts.function) == expected


def test_an_edge_of_webhooks_may_read_sources_secrets_and_send_where_routes_lead(synthesised):
    storage, topology = synthesised.stacks.storage, synthesised.topology
    expected = allow(
        (ITEMS, storage.deduplication.table),
        *((READ_SECRET, each.secret) for each in storage.source_secrets.values()),
        *((SEND, storage.queues[queue.name].queue) for queue in topology.routed_queues),
        *((SEND, storage.queues[queue.name].dead_letter_queue) for queue in topology.routed_queues),
    ) | bodies(storage, topology.routed_queues)

    assert allowed(synthesised, edge_with("{source}", synthesised)) == expected


def test_an_edge_of_messages_may_read_the_producers_secret_and_send_to_every_queue(synthesised):
    storage, topology = synthesised.stacks.storage, synthesised.topology
    expected = allow(
        (ITEMS, storage.deduplication.table),
        (READ_SECRET, storage.producer_secret.secret),
        *((SEND, storage.queues[queue.name].queue) for queue in topology.queues),
    ) | bodies(storage, topology.queues)

    assert allowed(synthesised, edge_with("{queue}", synthesised)) == expected


def test_another_edge_may_log_and_trace(other):
    assert allowed(other, other.stacks.service.edges["tell_health"].function) == set()


def test_no_action_is_a_wildcard_and_every_resource_is_only_where_there_is_no_other(synthesised):
    statements = [
        statement
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]

    assert not [action for statement in statements for action in actions(statement) if "*" in action]
    for statement in statements:
        if "*" in listed(statement["Resource"]):
            assert set(actions(statement)) == TRACE
    assert not any(
        role["Properties"].get("ManagedPolicyArns")
        for role in synthesised.resources("AWS::IAM::Role").values()
    )


def test_only_its_own_route_may_invoke_an_edge(synthesised):
    service = synthesised.stacks.service
    permissions = {
        synthesised.target(each["Properties"]["FunctionName"]): each["Properties"]
        for each in synthesised.resources("AWS::Lambda::Permission").values()
    }

    assert len(permissions) == len(synthesised.topology.edges)
    for edge in synthesised.topology.edges:
        permission = permissions[synthesised.id_of(service.edges[edge.function].function)]
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert synthesised.target(permission["SourceArn"]).endswith(edge.route.split(" ")[1])


def allow(*grants):
    """Actions on constructs, as `allowed` tells them."""
    return {(action, Synthesised.id_of(construct)) for actions, construct in grants for action in actions}


def bodies(storage, queues):
    bucket = Synthesised.id_of(storage.claim_check.bucket)
    return {("s3:PutObject", f"{bucket}/{queue.body_prefix}{queue.name}/*") for queue in queues}


def edge_with(parameter, synthesised):
    [edge] = [edge for edge in synthesised.topology.edges if parameter in edge.route]
    return synthesised.stacks.service.edges[edge.function].function


def allowed(synthesised, function):
    """What a function may do beyond logging and tracing: actions, each with its resource's logical id."""
    role = synthesised.properties(function)["Role"]["Fn::GetAtt"][0]
    statements = chain.from_iterable(
        policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
    )
    return {
        (action, synthesised.target(resource))
        for statement in statements
        for action in actions(statement)
        for resource in listed(statement["Resource"])
        if action not in LOG | TRACE
    }


def actions(statement):
    assert statement["Effect"] == "Allow"
    return listed(statement["Action"])


def listed(value):
    return value if isinstance(value, list) else [value]
