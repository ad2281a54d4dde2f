"""Functions, mappings and routes follow from the declarations, and from nothing else."""

from __future__ import annotations

import json
import platform

import pytest

from headworks import settings
from infra.deployment import Deployment
from tests.infra.conftest import annotations

FOR_EVERY_FUNCTION = {settings.SERVICE_NAME}
FOR_EDGES = {settings.DEDUPLICATION_TABLE, settings.CLAIM_CHECK_BUCKET}
FOR_CONSUMERS = {settings.LEDGER_TABLE, settings.CLAIM_CHECK_BUCKET}


def test_every_consumer_and_every_edge_has_its_function(synthesised):
    topology = synthesised.topology
    declared = {consumer for queue in topology.queues for consumer in queue.consumers}
    declared |= {edge.function for edge in topology.edges}
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
        assert len(properties["Layers"]) == 3


def test_functions_run_on_arm_but_on_a_laptop_on_its_own_processor(ours, other):
    machine = "x86_64" if platform.machine().lower() in ("x86_64", "amd64") else "arm64"

    assert architectures(ours) == {"arm64"}
    assert architectures(other) == {machine}


def test_batches_are_as_declared_and_fail_in_part(synthesised):
    mappings = {
        mapping["Properties"]["FunctionName"]["Ref"]: mapping["Properties"]
        for mapping in synthesised.resources("AWS::Lambda::EventSourceMapping").values()
    }

    assert len(mappings) == len(synthesised.topology.queues)
    for queue, parts in synthesised.consumers():
        mapping = mappings[synthesised.id_of(parts.function)]
        assert mapping["BatchSize"] == queue.batch_size
        assert mapping.get("MaximumBatchingWindowInSeconds", 0) == queue.batch_window.total_seconds()
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": queue.max_concurrency}
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_consumer_is_told_what_it_needs_and_nothing_else(synthesised):
    topology = synthesised.topology
    for queue, parts in synthesised.consumers():
        expected = FOR_EVERY_FUNCTION | FOR_CONSUMERS | {queue.url_variable, queue.dead_letter_url_variable}
        if leads_to_endpoints(topology, queue):
            expected |= {endpoint.secret_variable for endpoint in topology.endpoints}
            expected |= {endpoint.url_variable for endpoint in topology.endpoints if endpoint.url}

        assert set(variables(synthesised, parts.function)) == expected


def test_an_edge_is_told_what_its_route_needs_and_nothing_else(synthesised):
    topology = synthesised.topology
    for edge in topology.edges:
        expected = set(FOR_EVERY_FUNCTION)
        if "{source}" in edge.route:
            expected |= FOR_EDGES | {source.secret_variable for source in topology.sources}
            expected |= url_variables(topology.routed_queues)
        if "{queue}" in edge.route:
            expected |= FOR_EDGES | {settings.PRODUCER_SECRET} | url_variables(topology.queues)

        function = synthesised.stacks.service.edges[edge.function].function
        assert set(variables(synthesised, function)) == expected


def test_the_api_has_the_declared_routes_and_is_throttled(synthesised):
    routes = synthesised.resources("AWS::ApiGatewayV2::Route").values()
    [stage] = synthesised.resources("AWS::ApiGatewayV2::Stage").values()

    assert {route["Properties"]["RouteKey"] for route in routes} == {
        edge.route for edge in synthesised.topology.edges
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


def url_variables(queues):
    return {queue.url_variable for queue in queues} | {queue.dead_letter_url_variable for queue in queues}


def leads_to_endpoints(topology, queue):
    return any(route.endpoint for route in topology.routes if route.queue == queue.name)
