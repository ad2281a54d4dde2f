"""A function may do what its part asks for: these tables are the whole of it."""

from __future__ import annotations

from itertools import chain

from headworks.upkeep import ADMINISTER
from tests.infra.conftest import Synthesised

SEND = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
CONSUME = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
}
ENTRIES = {f"dynamodb:{verb}Item" for verb in ("Get", "Put", "Update", "Delete")}
ITEMS = ENTRIES | {f"dynamodb:{verb}Item" for verb in ("BatchGet", "BatchWrite", "ConditionCheck")}
LEASES = ENTRIES | {"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"}
READ_SECRET = {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
METRICS = {"cloudwatch:GetMetricData"}
TRACE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_a_consumer_may_take_from_its_own_queue_keep_its_ledger_and_send_where_its_queue_says(synthesised):
    storage, topology = synthesised.stacks.storage, synthesised.topology
    for queue, parts in synthesised.consumers():
        expected = allow(
            (CONSUME, parts.queue),
            (LEASES, storage.ledger.table),
            ({"s3:ListBucket"}, storage.claim_check.bucket),
        )
        expected |= objects(storage, "s3:GetObject", f"*/{queue.name}/*")
        expected |= objects(storage, "s3:PutObject", f"{queue.kept_prefix}{queue.name}/*")
        expected |= objects(storage, "s3:PutObject", f"{queue.waiting_prefix}{queue.name}/*")
        expected |= sending(synthesised, synthesised.told_by(queue)) | stores(synthesised, parts.name)
        if any(route.endpoint for route in topology.routes if route.queue == queue.name):
            expected |= allow(*((READ_SECRET, each.secret) for each in storage.endpoint_secrets.values()))

        assert allowed(synthesised, parts.function) == expected


def test_an_edge_of_webhooks_may_read_sources_secrets_and_send_where_routes_lead(synthesised):
    storage, topology = synthesised.stacks.storage, synthesised.topology
    routed = {queue.name for queue in topology.routed_queues}
    expected = allow(
        ({"dynamodb:BatchGetItem"}, storage.ledger.table),
        *((READ_SECRET, each.secret) for each in storage.source_secrets.values()),
        *(
            (SEND, parts.dead_letter_queue)
            for queue, parts in synthesised.consumers()
            if queue.name in routed
        ),
    ) | sending(synthesised, topology.routed_queues)

    assert allowed(synthesised, edge_with("source", synthesised)) == expected


def test_an_edge_of_messages_may_read_the_producers_secret_and_send_to_every_open_queue(synthesised):
    storage, topology = synthesised.stacks.storage, synthesised.topology
    expected = allow((READ_SECRET, storage.producer_secret.secret))
    expected |= sending(synthesised, topology.open_queues)

    assert allowed(synthesised, edge_with("queue", synthesised)) == expected


def test_another_edge_may_log_trace_and_use_the_stores_that_name_it(other):
    expected = {("s3:PutObject", f"{bucket_id(other, 'click-files')}/click-files/*")}

    assert allowed(other, other.stacks.service.edges["tell_health"].function) == expected


def test_an_edge_that_says_where_it_sends_to_may_read_the_producers_secret_and_send_there(other):
    expected = allow((READ_SECRET, other.stacks.storage.producer_secret.secret))
    expected |= sending(other, other.queues({"order-lines", "news"})) | stores(other, "place_order")

    assert allowed(other, other.stacks.service.edges["place_order"].function) == expected


def test_bury_crashed_may_empty_every_dead_letter_queue_and_keep_what_lay_there(synthesised):
    storage = synthesised.stacks.storage
    expected = allow(
        *((CONSUME, parts.dead_letter_queue) for _, parts in synthesised.consumers()),
        (ENTRIES, storage.ledger.table),
        ({"s3:ListBucket"}, storage.claim_check.bucket),
    )
    expected |= keeping(synthesised)
    expected |= sending(synthesised, synthesised.told_of_the_dead())

    assert allowed(synthesised, synthesised.stacks.service.bury_crashed.function) == expected


def test_wake_waiting_may_search_the_ledger_and_send_to_every_consumers_own_queue(synthesised):
    storage = synthesised.stacks.storage
    expected = allow(
        *((SEND, parts.queue) for _, parts in synthesised.consumers()),
        (ENTRIES | {"dynamodb:BatchGetItem", "dynamodb:PartiQLUpdate"}, storage.ledger.table),
        ({"s3:ListBucket"}, storage.claim_check.bucket),
    )
    for queue, _ in synthesised.consumers():
        for prefix in (queue.waiting_prefix, queue.kept_prefix, "kept/"):
            expected |= objects(storage, "s3:GetObject", f"{prefix}{queue.name}/*")
    ledger = Synthesised.id_of(storage.ledger.table)
    expected |= {("dynamodb:Query", f"{ledger}/index/{index}") for index in ("listed", "found_by")}

    assert allowed(synthesised, synthesised.stacks.service.wake_waiting.function) == expected


def test_administer_may_read_the_operators_secret_every_ledger_and_send_to_every_consumers_own_queue(
    synthesised,
):
    storage = synthesised.stacks.storage
    ledger = Synthesised.id_of(storage.ledger.table)
    expected = allow(
        *((SEND | CONSUME, parts.queue) for _, parts in synthesised.consumers()),
        *(({"sqs:GetQueueAttributes"}, parts.dead_letter_queue) for _, parts in synthesised.consumers()),
        (READ_SECRET, storage.admin_secret.secret),
        (LEASES | {"dynamodb:BatchGetItem"}, storage.ledger.table),
        (ITEMS, storage.deduplication.table),
        ({"s3:ListBucket"}, storage.claim_check.bucket),
    )
    expected |= keeping(synthesised)
    expected |= {("dynamodb:Query", f"{ledger}/index/{index}") for index in ("listed", "found_by")}
    expected |= controlling(synthesised)

    assert allowed(synthesised, synthesised.stacks.service.administer.function) == expected


def test_nobody_else_may_read_the_operators_secret(synthesised):
    service = synthesised.stacks.service
    secret = synthesised.id_of(synthesised.stacks.storage.admin_secret.secret)
    others = [
        service.bury_crashed,
        service.wake_waiting,
        *service.edges.values(),
        *(parts for _, parts in synthesised.consumers()),
    ]

    for other in others:
        assert secret not in {resource for _, resource in allowed(synthesised, other.function)}


def test_scheduler_may_start_wake_waiting_and_nothing_else(synthesised):
    [schedule] = synthesised.resources("AWS::Scheduler::Schedule").values()
    function = synthesised.id_of(synthesised.stacks.service.wake_waiting.function)

    role = schedule["Properties"]["Target"]["RoleArn"]["Fn::GetAtt"][0]
    assert allowed_by(synthesised, role) == {
        ("lambda:InvokeFunction", function),
        ("lambda:InvokeFunction", f"{function}:$LATEST"),
    }


def test_no_action_is_a_wildcard_and_every_resource_is_only_where_there_is_no_other(synthesised):
    statements = [
        statement
        for policy in policies(synthesised)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]

    assert not [action for statement in statements for action in actions(statement) if "*" in action]
    for statement in statements:
        if "*" in listed(statement["Resource"]):
            assert set(actions(statement)) <= TRACE | METRICS
    assert not any(
        role["Properties"].get("ManagedPolicyArns")
        for role in synthesised.resources("AWS::IAM::Role").values()
    )


def test_only_its_own_routes_may_invoke_an_edge(synthesised):
    service = synthesised.stacks.service
    permissions = [
        (
            each["Properties"]["Principal"],
            synthesised.target(each["Properties"]["FunctionName"]),
            synthesised.target(each["Properties"]["SourceArn"]).partition("/")[2],
        )
        for each in synthesised.resources("AWS::Lambda::Permission").values()
    ]

    behind = service.edges | {ADMINISTER.function: service.administer}
    expected = [
        (
            "apigateway.amazonaws.com",
            synthesised.id_of(behind[edge.function].function),
            route.split(" /")[1],
        )
        for edge in (*synthesised.topology.edges, ADMINISTER)
        for route in edge.routes
    ]
    assert len(permissions) == len(expected)
    for principal, function, path in expected:
        assert [each for each in permissions if each[:2] == (principal, function) and each[2].endswith(path)]


def allow(*grants):
    """Actions on constructs, as `allowed` tells them."""
    return {(action, Synthesised.id_of(construct)) for actions, construct in grants for action in actions}


def controlling(synthesised):
    """What it takes to find every consumer, to turn its mapping off and on, to invoke it and to count."""
    service, arn = synthesised.stacks.service, "arn:AWS::Partition:{}:AWS::Region:AWS::AccountId:{}"
    path = f"parameter/headworks/{service.stack_name}/consumers"
    expected = {("ssm:GetParametersByPath", arn.format("ssm", path)), *((each, "*") for each in METRICS)}
    for _, parts in synthesised.consumers():
        mapping = synthesised.target(service.resolve(parts.mapping_id))
        for action in ("lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"):
            expected.add((action, arn.format("lambda", f"event-source-mapping:{mapping}")))
        for version in ("", ":$LATEST"):
            expected.add(("lambda:InvokeFunction", f"{synthesised.id_of(parts.function)}{version}"))
    return expected


def keeping(synthesised):
    """What it takes to keep the bodies of whatever is dead."""
    storage = synthesised.stacks.storage
    return objects(storage, "s3:GetObject", "*") | {
        grant
        for queue in synthesised.topology.queues
        for grant in objects(storage, "s3:PutObject", f"{queue.kept_prefix}{queue.name}/*")
    }


def objects(storage, action, keys):
    return {(action, f"{Synthesised.id_of(storage.claim_check.bucket)}/{keys}")}


def sending(synthesised, queues):
    """What it takes to send to these queues: at once, or later."""
    storage, service = synthesised.stacks.storage, synthesised.stacks.service
    if not queues:
        return set()
    expected = allow((ITEMS, storage.deduplication.table), (ENTRIES, storage.ledger.table))
    for queue in queues:
        parts = service.queue(queue.name)
        expected |= allow(({"sns:Publish"}, parts.topic) if parts.topic else (SEND, parts.queue))
        for action in ("s3:PutObject", "s3:GetObject"):
            expected |= objects(storage, action, f"{queue.body_prefix}{queue.name}/*")
        expected |= objects(storage, "s3:PutObject", f"{queue.waiting_prefix}{queue.name}/*")
    return expected


def stores(synthesised, function):
    """What a function may do with the tables and the buckets that name it."""
    storage, topology = synthesised.stacks.storage, synthesised.topology
    tables = [storage.tables[each.name].table for each in topology.tables if function in each.functions]
    buckets = [each for each in topology.buckets if function in each.functions]
    puts = {("s3:PutObject", f"{bucket_id(synthesised, each.name)}/{each.name}/*") for each in buckets}
    return allow(*((ITEMS, table) for table in tables)) | puts


def bucket_id(synthesised, name):
    return Synthesised.id_of(synthesised.stacks.storage.buckets[name].bucket)


def edge_with(parameter, synthesised):
    [edge] = [edge for edge in synthesised.topology.edges if edge.takes(parameter)]
    return synthesised.stacks.service.edges[edge.function].function


def allowed(synthesised, function):
    """What a function may do beyond logging and tracing: actions, each with its resource's logical id."""
    return allowed_by(synthesised, synthesised.properties(function)["Role"]["Fn::GetAtt"][0])


def allowed_by(synthesised, role):
    """What a role allows beyond logging and tracing."""
    statements = chain.from_iterable(
        policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in policies(synthesised)
        if {"Ref": role} in policy["Properties"]["Roles"]
    )
    return {
        (action, synthesised.target(resource))
        for statement in statements
        for action in actions(statement)
        for resource in listed(statement["Resource"])
        if action not in LOG | TRACE
    }


def policies(synthesised):
    """Every policy: what goes beyond the 10 KB of a role's own lies in further ones."""
    return [
        policy
        for kind in ("Policy", "ManagedPolicy")
        for policy in synthesised.resources(f"AWS::IAM::{kind}").values()
    ]


def actions(statement):
    assert statement["Effect"] == "Allow"
    return listed(statement["Action"])


def listed(value):
    return value if isinstance(value, list) else [value]
