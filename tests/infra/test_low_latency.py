"""The cache of the queues on Redis is private, limited and watched, and only who is let in reaches it."""

from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import aws_cdk as cdk
import cfnlint.api
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from cfnlint.config import ManualArgs

from headworks.brokers.redis.address import address_of
from headworks.errors import InvalidDeclaration
from headworks.settings import REDIS_URL
from infra import names
from infra.app import build
from infra.cache_limits import CacheLimits
from infra.constructs.ways_out import ways_out
from infra.deployment import Deployment
from pipeline import TOPOLOGY
from tests.infra import test_monitoring as monitoring
from tests.infra.conftest import Synthesised

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = {
    "low_latency": "true",
    "low_latency.storage_gb": "3",
    "low_latency.ecpu_per_second": "5000",
    "low_latency.snapshot_days": "2",
}
# Who sends to the queues on Redis, and who takes from there.
# Who sends or takes, and who puts back: operators, and what carries their replays on.
INSIDE = {"accept_message", "track_event", "administer", "wake_waiting"}


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """Our pipeline with a cache."""
    assembly: Path = tmp_path_factory.mktemp("fast")
    app = cdk.App(
        outdir=str(assembly), context=CONTEXT | {"@aws-cdk/core:defaultCrossStackReferences": "weak"}
    )
    deployment = Deployment.from_context(app.node, TOPOLOGY)
    stacks = build(app, TOPOLOGY, deployment)
    app.synth()
    templates = {stack.stack_name: Template.from_stack(stack) for stack in stacks}
    return Synthesised(TOPOLOGY, deployment, stacks, assembly, templates)


def test_old_messages_on_redis_are_no_alarm_while_their_consumer_is_paused(fast):
    old = monitoring.alarm(fast, "AnalyticsOldestOnRedis")

    [expression] = [each["Expression"] for each in old["Metrics"] if "Expression" in each]
    assert expression == "IF(FILL(excused, 0) > 0, 0, age)"
    named = {"queue": "analytics", "service": "track_event"}
    assert monitoring.all_watched(fast, old) == [("OldestAge", named), ("Excused", named)]


def inside(synthesised):
    """The functions in the network, by their ids."""
    return {
        id_: each
        for id_, each in synthesised.resources("AWS::Lambda::Function").items()
        if "VpcConfig" in each["Properties"]
    }


def package(function):
    return function["Properties"]["Handler"].partition(".")[0]


def test_without_the_flag_nothing_is_there(ours):
    kinds = {
        resource["Type"].split("::")[1]
        for template in ours.templates.values()
        for resource in template.to_json()["Resources"].values()
    }

    assert ours.stacks.low_latency is None
    assert not {"ElastiCache", "EC2"} & kinds
    assert names.LOW_LATENCY not in ours.templates


def test_a_cache_changes_nothing_of_what_is_stored_and_adds_the_drains_alone(ours, fast):
    new = set(fast.resources("AWS::Lambda::Function")) - set(ours.resources("AWS::Lambda::Function"))

    assert fast.templates[names.STORAGE].to_json() == ours.templates[names.STORAGE].to_json()
    assert new == {fast.id_of(parts.drain) for queue, parts in fast.consumers() if queue.transport == "redis"}


def test_the_cache_is_limited_and_kept_as_declared(fast):
    cache = only(fast, "AWS::ElastiCache::ServerlessCache")

    assert (cache["Engine"], cache["MajorEngineVersion"]) == ("valkey", "8")
    assert cache["CacheUsageLimits"] == {
        "DataStorage": {"Unit": "GB", "Maximum": 3},
        "ECPUPerSecond": {"Maximum": 5000},
    }
    assert cache["SnapshotRetentionLimit"] == 2
    assert cache["FinalSnapshotName"]
    assert fast.stacks.low_latency.termination_protection


def test_one_user_logs_in_by_iam_and_may_do_what_the_scripts_need(fast):
    user = only(fast, "AWS::ElastiCache::User")
    users = only(fast, "AWS::ElastiCache::UserGroup")

    assert user["AuthenticationMode"] == {"Type": "iam"}
    # ElastiCache refuses IAM users whose id and name differ.
    assert user["UserId"] == user["UserName"]
    assert "-@all" in user["AccessString"]
    assert "~*" not in user["AccessString"]
    assert [fast.target(each) for each in users["UserIds"]] == list(fast.resources("AWS::ElastiCache::User"))


def test_the_url_leads_to_the_cache_and_logs_in_as_its_user(fast, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    [output] = fast.templates[names.LOW_LATENCY].find_outputs("RedisUrl").values()
    cache = only(fast, "AWS::ElastiCache::ServerlessCache")
    user = only(fast, "AWS::ElastiCache::User")

    address = address_of(fast.target(output["Value"]))

    [cache_id] = fast.resources("AWS::ElastiCache::ServerlessCache")
    who, token = address.credentials()
    assert address.tls is not None
    assert address.host == cache_id.lower()
    assert who == user["UserName"]
    assert token.startswith(f"{cache['ServerlessCacheName']}/?")


def test_the_network_has_two_zones_and_no_way_out(fast):
    assert len(fast.resources("AWS::EC2::Subnet")) == 2
    for kind in ("NatGateway", "InternetGateway", "EIP", "Route"):
        assert not fast.resources(f"AWS::EC2::{kind}")


def test_only_endpoints_that_somebody_inside_calls_cost_money_and_each_is_made_once(fast):
    endpoints = [each["Properties"] for each in fast.resources("AWS::EC2::VPCEndpoint").values()]
    paid = [each for each in endpoints if each["VpcEndpointType"] == "Interface"]
    free = [each for each in endpoints if each["VpcEndpointType"] == "Gateway"]

    assert sorted(str(each["ServiceName"]).split(".")[-1].rstrip("']}") for each in paid) == [
        "lambda",
        "monitoring",
        "secretsmanager",
        "sqs",
        "ssm",
    ]
    assert len(free) == 2


def test_functions_inside_reach_the_cache_at_its_port_and_nobody_else_does(fast):
    groups = fast.resources("AWS::EC2::SecurityGroup")
    cache = only(fast, "AWS::ElastiCache::ServerlessCache")
    [guard] = [fast.target(each) for each in cache["SecurityGroupIds"]]
    ways_in = [
        (fast.target(rule["GroupId"]), fast.target(rule["SourceSecurityGroupId"]), rule["ToPort"])
        for rule in (each["Properties"] for each in fast.resources("AWS::EC2::SecurityGroupIngress").values())
    ]

    functions = {
        fast.target(group)
        for function in inside(fast).values()
        for group in function["Properties"]["VpcConfig"]["SecurityGroupIds"]
    }
    assert len(functions) == 1
    assert [(source, port) for group, source, port in ways_in if group == guard] == [(*functions, 6379)]
    assert not any("SecurityGroupIngress" in each["Properties"] for each in groups.values())


def test_who_sends_to_queues_on_redis_takes_from_there_or_puts_back_is_inside_and_knows_the_cache_and_nobody_else(
    fast,
):
    told = {
        id_
        for id_, each in fast.resources("AWS::Lambda::Function").items()
        if REDIS_URL in each["Properties"]["Environment"]["Variables"]
    }

    assert {package(function) for function in inside(fast).values()} == INSIDE
    assert told == set(inside(fast))


def test_who_is_inside_may_log_in_to_this_cache_as_its_user_and_to_nothing_else(fast):
    connecting = [
        (policy["Properties"]["Roles"], sorted(map(fast.target, statement["Resource"])))
        # A role that may do much has a second policy.
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for policy in fast.resources(kind).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "elasticache:Connect" in statement["Action"]
    ]

    own = sorted(
        [*fast.resources("AWS::ElastiCache::ServerlessCache"), *fast.resources("AWS::ElastiCache::User")]
    )
    assert [resources for _, resources in connecting] == [own] * len(inside(fast))


def test_a_function_waits_for_the_permission_to_join_the_network(fast):
    functions = fast.resources("AWS::Lambda::Function")
    policies = {
        id_
        for id_, policy in fast.resources("AWS::IAM::Policy").items()
        if "ec2:CreateNetworkInterface" in str(policy["Properties"]["PolicyDocument"])
    }

    for each in inside(fast):
        assert policies & set(functions[each]["DependsOn"])


def test_the_cache_is_watched_before_it_is_full_and_by_its_own_name(fast):
    cache = only(fast, "AWS::ElastiCache::ServerlessCache")
    watched = {
        alarm["Properties"]["MetricName"]: alarm["Properties"]
        for alarm in fast.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("Namespace") == "AWS/ElastiCache"
    }

    assert set(watched) == {"BytesUsedForCache", "Evictions", "CurrConnections", "ThrottledCmds"}
    assert 0 < watched["BytesUsedForCache"]["Threshold"] < 3 * 10**9
    for alarm in watched.values():
        assert alarm["Dimensions"] == [{"Name": "clusterId", "Value": cache["ServerlessCacheName"]}]
        assert alarm["AlarmActions"]


def test_the_templates_pass_every_rule(fast):
    config = ManualArgs(regions=["us-east-1"], ignore_checks=["W3005"])

    found = [
        str(match)
        for name in fast.templates
        for match in cfnlint.api.lint((fast.assembly / f"{name}.template.json").read_text(), config=config)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("low_latency", "yes", "it is true or false"),
        ("low_latency.storage_gb", "0", "ElastiCache takes 1 to 5,000"),
        ("low_latency.storage_gb", "much", "it is a whole number"),
        ("low_latency.ecpu_per_second", "10", "ElastiCache takes 1,000 to 15,000,000"),
        ("low_latency.snapshot_days", "36", "ElastiCache takes 0 to 35"),
    ],
)
def test_limits_that_cant_be_are_refused_with_their_name(name, value, why):
    app = cdk.App(context=CONTEXT | {name: value})

    with pytest.raises(InvalidDeclaration, match=f"{name}='?{value}'?: {why}"):
        CacheLimits.from_context(app.node)


@pytest.mark.parametrize("value", [None, False, "false"])
def test_who_doesnt_ask_has_no_cache(value):
    context = {} if value is None else {"low_latency": value}

    assert CacheLimits.from_context(cdk.App(context=context).node) is None


def test_a_local_run_with_a_cache_is_refused():
    with pytest.raises(InvalidDeclaration, match="a local run has no ElastiCache"):
        Deployment(local=True, low_latency=CacheLimits())


def test_a_server_and_a_cache_exclude_each_other():
    with pytest.raises(InvalidDeclaration, match=r"redis_url=\.\.\. and low_latency=true: .* one server"):
        Deployment(redis_url="rediss://cache.example", low_latency=CacheLimits())


def test_who_posts_to_the_internet_is_refused_inside_with_a_way_round():
    everything_on_redis = replace(
        TOPOLOGY, queues=tuple(replace(each, transport="redis", fifo=False) for each in TOPOLOGY.queues)
    )

    with pytest.raises(InvalidDeclaration, match="deliver_webhook posts to endpoints on the internet"):
        build(cdk.App(), everything_on_redis, Deployment(low_latency=CacheLimits()))


@pytest.mark.parametrize(
    ("actions", "endpoints"),
    [
        (["dynamodb:GetItem", "s3:PutObject", "elasticache:Connect"], []),
        (["sqs:SendMessage", "sqs:GetQueueUrl", "sns:Publish", "kms:Decrypt"], ["sns", "sqs"]),
        (["cloudwatch:GetMetricData"], ["monitoring"]),
    ],
)
def test_what_a_function_may_do_says_which_endpoints_it_needs(actions, endpoints):
    assert [each.short_name for each in ways_out(a_function(*actions))] == endpoints


def test_a_function_inside_that_may_call_what_nobody_here_has_met_is_refused():
    with pytest.raises(InvalidDeclaration, match=r"send_mail may call ses .* infra/endpoints.py"):
        ways_out(a_function("sqs:SendMessage", "ses:SendEmail"))


def test_every_limit_can_be_given():
    assert {f"low_latency.{each.name}" for each in fields(CacheLimits)} == set(CONTEXT) - {"low_latency"}


def a_function(*actions):
    """One that may do this."""
    role = iam.Role(cdk.Stack(), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    for action in actions:
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=["arn:aws:sqs:::one"]))
    return SimpleNamespace(package="send_mail", function=SimpleNamespace(role=role))


def only(synthesised, kind):
    """The properties of the one resource of a kind."""
    [resource] = synthesised.resources(kind).values()
    return resource["Properties"]
