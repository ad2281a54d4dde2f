"""Functions, mappings and routes follow from the declarations, and from nothing else."""

from __future__ import annotations

import json
import platform

import msgspec
import pytest

from headworks import settings
from headworks.operations.directory import Place, parameter_name
from headworks.upkeep import ADMINISTER, BURY_CRASHED, UPKEEP, WAKE_WAITING
from infra.deployment import Deployment
from tests.infra.conftest import annotations

FOR_EVERY_FUNCTION = {settings.SERVICE_NAME, settings.LOG_LEVEL}
STORES = {settings.LEDGER_TABLE, settings.CLAIM_CHECK_BUCKET}


def test_every_consumer_every_edge_and_the_upkeep_has_its_function(synthesised):
    declared = synthesised.topology.functions | {each.function for each in UPKEEP}
    functions = synthesised.resources("AWS::Lambda::Function").values()

    assert {function["Properties"]["Handler"] for function in functions} == {
        f"{package}.handler.handler" for package in declared
    }
    assert len(functions) == len(declared)


def test_a_consumer_has_the_time_and_memory_that_its_queue_declares(synthesised):
    for queue, parts in synthesised.consumers():
        properties = synthesised.properties(parts.function)

        assert properties["Timeout"] == queue.function_timeout.total_seconds()
        assert properties["MemorySize"] == queue.memory_mb


def test_an_edge_has_the_time_and_memory_that_it_declares(synthesised):
    for edge in synthesised.topology.edges:
        properties = synthesised.properties(synthesised.stacks.service.edges[edge.function].function)

        assert properties["Timeout"] == edge.timeout.total_seconds()
        assert properties["MemorySize"] == edge.memory_mb


def test_functions_trace_log_json_and_are_limited_by_their_mapping_alone(synthesised):
    log_groups = synthesised.resources("AWS::Logs::LogGroup")
    for function in synthesised.resources("AWS::Lambda::Function").values():
        properties = function["Properties"]

        assert properties["Runtime"] == "python3.14"
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert properties["LoggingConfig"]["LogFormat"] == "JSON"
        assert (
            log_groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]["RetentionInDays"] == 30
        )
        assert "ReservedConcurrentExecutions" not in properties
        own = properties["Handler"].startswith(f"{ADMINISTER.function}.")
        assert len(properties["Layers"]) == (4 if own else 3)


def test_functions_run_on_arm_but_on_a_laptop_on_its_own_processor(ours, other):
    machine = "x86_64" if platform.machine().lower() in ("x86_64", "amd64") else "arm64"

    assert architectures(ours) == {"arm64"}
    assert architectures(other) == {machine}


def test_functions_tell_when_an_attempt_starts_on_a_laptop_alone(synthesised):
    level = "DEBUG" if synthesised.deployment.local else "INFO"

    for _, parts in synthesised.consumers():
        assert variables(synthesised, parts.function)[settings.LOG_LEVEL] == level


def test_batches_are_as_declared_and_fail_in_part(synthesised):
    mappings = mappings_by_queue(synthesised)

    assert len(mappings) == 2 * len(synthesised.consumers())
    for queue, parts in synthesised.consumers():
        mapping = mappings[synthesised.id_of(parts.queue)]
        assert mapping["FunctionName"]["Ref"] == synthesised.id_of(parts.function)
        assert mapping["BatchSize"] == queue.batch_size
        assert mapping.get("MaximumBatchingWindowInSeconds", 0) == queue.batch_window.total_seconds()
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": queue.max_concurrency}
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_consumer_is_told_what_it_needs_and_nothing_else(synthesised):
    topology = synthesised.topology
    for queue, parts in synthesised.consumers():
        expected = FOR_EVERY_FUNCTION | STORES | own_variables(queue, parts.name)
        expected |= for_sending(synthesised.told_by(queue))
        expected |= of_stores(topology, parts.name)
        if leads_to_endpoints(topology, queue):
            expected |= {endpoint.secret_variable for endpoint in topology.endpoints}
            expected |= {endpoint.url_variable for endpoint in topology.endpoints if endpoint.url}

        assert set(variables(synthesised, parts.function)) == expected


def test_an_edge_is_told_what_its_route_needs_and_nothing_else(synthesised):
    topology = synthesised.topology
    for edge in topology.edges:
        expected = set(FOR_EVERY_FUNCTION)
        if edge.takes("source"):
            expected |= {source.secret_variable for source in topology.sources}
            expected |= for_sending(topology.routed_queues)
        if edge.takes("queue"):
            expected |= {settings.PRODUCER_SECRET} | for_sending(topology.open_queues)
        if edge.sends_to:
            expected |= {settings.PRODUCER_SECRET} | for_sending(synthesised.queues(edge.sends_to))
        expected |= of_stores(topology, edge.function)

        function = synthesised.stacks.service.edges[edge.function].function
        assert set(variables(synthesised, function)) == expected


def test_every_dead_letter_queue_is_emptied_in_small_batches_that_fail_in_part(synthesised):
    mappings = mappings_by_queue(synthesised)
    function = synthesised.stacks.service.bury_crashed.function

    for _, parts in synthesised.consumers():
        mapping = mappings[synthesised.id_of(parts.dead_letter_queue)]
        assert mapping["FunctionName"]["Ref"] == synthesised.id_of(function)
        assert mapping["BatchSize"] == BURY_CRASHED.batch_size
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": BURY_CRASHED.max_concurrency}
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert synthesised.properties(function)["Timeout"] == BURY_CRASHED.timeout.total_seconds()
    told = for_sending(synthesised.told_of_the_dead())
    assert set(variables(synthesised, function)) == FOR_EVERY_FUNCTION | STORES | told | {
        queue.dead_letter_url_variable(parts.name) for queue, parts in synthesised.consumers()
    }


def test_what_waits_is_woken_every_minute_and_a_failed_round_isnt_made_up_for(synthesised):
    [schedule] = synthesised.resources("AWS::Scheduler::Schedule").values()
    [invocation] = synthesised.resources("AWS::Lambda::EventInvokeConfig").values()
    function = synthesised.stacks.service.wake_waiting.function

    once = {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    target = schedule["Properties"]["Target"]
    assert schedule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Properties"]["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Properties"]["State"] == "ENABLED"
    assert synthesised.target(target["Arn"]) == synthesised.id_of(function)
    assert target["RetryPolicy"] == once
    assert invocation["Properties"]["FunctionName"]["Ref"] == synthesised.id_of(function)
    assert once.items() <= invocation["Properties"].items()
    assert synthesised.properties(function)["Timeout"] == WAKE_WAITING.timeout.total_seconds()
    assert set(variables(synthesised, function)) == FOR_EVERY_FUNCTION | STORES | {
        variable for queue, parts in synthesised.consumers() for variable in own_variables(queue, parts.name)
    }


def test_operators_are_answered_by_a_function_that_reads_in_the_directory_where_everybody_is(synthesised):
    function = synthesised.stacks.service.administer.function
    properties = synthesised.properties(function)

    assert properties["Timeout"] == ADMINISTER.timeout.total_seconds()
    assert properties["MemorySize"] == ADMINISTER.memory_mb
    assert set(variables(synthesised, function)) == FOR_EVERY_FUNCTION | STORES | {
        settings.ADMIN_SECRET,
        settings.CONSUMERS_PATH,
        settings.DEDUPLICATION_TABLE,
    }


def test_the_api_has_the_declared_routes_and_is_throttled(synthesised):
    routes = synthesised.resources("AWS::ApiGatewayV2::Route").values()
    [stage] = synthesised.resources("AWS::ApiGatewayV2::Stage").values()

    assert {route["Properties"]["RouteKey"] for route in routes} == {
        route for edge in (*synthesised.topology.edges, ADMINISTER) for route in edge.routes
    }
    limits = stage["Properties"]["DefaultRouteSettings"]
    assert limits["ThrottlingRateLimit"] == synthesised.deployment.requests_per_second
    assert limits["ThrottlingBurstLimit"] == synthesised.deployment.burst


def test_access_logs_are_json_without_headers_or_query_strings(synthesised):
    [stage] = synthesised.resources("AWS::ApiGatewayV2::Stage").values()
    log_line = json.loads(stage["Properties"]["AccessLogSettings"]["Format"])

    assert {"status", "route", "source_ip", "request_id"} <= set(log_line)
    assert not [value for value in log_line.values() if "header" in value or "query" in value.lower()]


def test_an_endpoint_without_a_url_is_warned_of_with_what_to_do(other):
    [(path, warning)] = annotations(other.assembly, "HeadworksService", "warning")

    assert path.endswith("/PostLetter")
    assert "the endpoint post-office has no URL" in warning
    assert "-c endpoint.post-office=https://" in warning


@pytest.mark.parametrize("given", [None, "https://given.example"])
def test_the_deployments_url_wins_over_the_declarations(other, given):
    [_, archive] = other.topology.endpoints
    deployment = Deployment(endpoint_urls={"archive": given} if given else {})

    assert deployment.url_of(archive) == (given or "https://archive.example")


def architectures(synthesised):
    functions = synthesised.resources("AWS::Lambda::Function").values()
    return {
        architecture for function in functions for architecture in function["Properties"]["Architectures"]
    }


def variables(synthesised, function):
    return synthesised.properties(function)["Environment"]["Variables"]


def mappings_by_queue(synthesised):
    mappings = [
        each["Properties"] for each in synthesised.resources("AWS::Lambda::EventSourceMapping").values()
    ]
    return {synthesised.target(each["EventSourceArn"]): each for each in mappings}


def of_stores(topology, function):
    """What leads a function to the tables and the buckets that name it."""
    return {each.variable for each in (*topology.tables, *topology.buckets) if function in each.functions}


def own_variables(queue, consumer):
    return {queue.url_variable(consumer), queue.dead_letter_url_variable(consumer)}


def for_sending(queues):
    """What a function is told that sends to these queues."""
    variables = {
        variable for queue in queues for name in queue.consumers for variable in own_variables(queue, name)
    }
    variables |= {queue.topic_variable for queue in queues if queue.is_fanned_out}
    return variables | STORES | {settings.DEDUPLICATION_TABLE} if queues else set()


def leads_to_endpoints(topology, queue):
    return any(route.endpoint for route in topology.routes if route.queue == queue.name)


def test_where_every_consumers_parts_are_is_written_down_for_whoever_controls_them(synthesised):
    directory = synthesised.stacks.service.directory
    written = {
        each["Properties"]["Name"]: each["Properties"]
        for each in synthesised.resources("AWS::SSM::Parameter").values()
    }

    assert set(written) == {
        parameter_name(directory.path, queue.name, parts.name) for queue, parts in synthesised.consumers()
    }
    for queue, parts in synthesised.consumers():
        parameter = written[parameter_name(directory.path, queue.name, parts.name)]
        place = msgspec.json.decode(synthesised.target(parameter["Value"]), type=Place)
        mapping = synthesised.target(synthesised.stacks.service.resolve(parts.mapping_id))
        assert place == Place(
            url=synthesised.id_of(parts.queue),
            arn=synthesised.id_of(parts.queue),
            dead_letter_url=synthesised.id_of(parts.dead_letter_queue),
            function=synthesised.id_of(parts.function),
            mapping=mapping,
        )
        assert synthesised.resources("AWS::Lambda::EventSourceMapping")[mapping]
        assert parameter["Type"] == "String"
