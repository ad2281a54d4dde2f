"""A queue that is declared to travel over Redis: with a server, and without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headworks import settings
from headworks.errors import InvalidDeclaration
from headworks.telemetry import BACKLOG, OLDEST_AGE
from headworks.upkeep import DRAIN_EVENT
from infra.deployment import Deployment, _redis_url
from infra.tree import Tree
from tests.infra.conftest import OTHER, PACKAGES, add_package, annotations, synthesise
from tests.infra.test_monitoring import alarm, alarms, all_watched, watched

URL = "rediss://cache.example:6379"
SENDERS_AND_DRAINS = {"count_clicks", "receive_webhook", "accept_message", "post_letter"}
WHO_PUT_BACK = {"administer", "wake_waiting"}
CLICKS = next(queue for queue in OTHER.queues if queue.name == "clicks")
OVER_REDIS = replace(
    OTHER,
    queues=tuple(replace(q, transport="redis", drains=3) if q is CLICKS else q for q in OTHER.queues),
)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    def make(**context):
        root = tmp_path_factory.mktemp("redis")
        for part in ("layers", "build", "pyproject.toml", "uv.lock"):
            (root / part).symlink_to(Tree().root / part)
        for package in PACKAGES:
            add_package(root, package)
        tree = Tree(root=root)
        return synthesise(OVER_REDIS, root / "cdk.out", context={"local": "true", **context}, tree=tree)

    return make


@pytest.fixture(scope="module")
def with_redis(make):
    return make(redis_url=URL)


@pytest.fixture(scope="module")
def without_redis(make):
    return make()


def functions(synthesised, package):
    """A package's functions, those that a mapping feeds first."""
    found = [
        each["Properties"]
        for each in synthesised.resources("AWS::Lambda::Function").values()
        if each["Properties"]["Handler"] == f"{package}.handler.handler"
    ]
    return sorted(found, key=lambda each: each["Timeout"])


def test_without_a_server_it_goes_over_sqs_and_synth_says_so(without_redis):
    [function] = functions(without_redis, "count_clicks")

    assert settings.REDIS_URL not in function["Environment"]["Variables"]
    warnings = annotations(without_redis.assembly, "HeadworksService", "warning")
    assert any("clicks is declared to travel over redis" in text for _, text in warnings)


def test_with_a_server_schedules_start_as_many_drains_as_declared_and_each_outlives_its_interval(with_redis):
    queue = next(queue for queue in OVER_REDIS.queues if queue.name == "clicks")
    _, drain = functions(with_redis, "count_clicks")
    schedules = [
        each["Properties"]
        for each in with_redis.resources("AWS::Scheduler::Schedule").values()
        if "count_clicks" in each["Properties"]["Description"]
    ]

    assert drain["Timeout"] == queue.drain_timeout.total_seconds() > 120
    assert len(schedules) == queue.drains == 3
    for schedule in schedules:
        assert schedule["ScheduleExpression"] == "rate(1 minute)"
        assert schedule["Target"]["RetryPolicy"] == {
            "MaximumEventAgeInSeconds": 60,
            "MaximumRetryAttempts": 0,
        }
        assert DRAIN_EVENT["headworks"] in schedule["Target"]["Input"]


def test_a_drain_is_told_what_its_consumers_other_function_is_and_where_redis_is(with_redis):
    function, drain = (each["Environment"]["Variables"] for each in functions(with_redis, "count_clicks"))

    assert drain == {**function, settings.REDIS_URL: URL}


def test_only_those_that_send_to_it_drain_it_or_put_back_know_the_server(with_redis):
    told = {
        each["Properties"]["Handler"].partition(".")[0]
        for each in with_redis.resources("AWS::Lambda::Function").values()
        if settings.REDIS_URL in each["Properties"]["Environment"]["Variables"]
    }

    assert told == SENDERS_AND_DRAINS | WHO_PUT_BACK


def test_old_messages_on_redis_are_an_alarm_and_so_is_silence_about_them(with_redis):
    clicks = {"queue": "clicks", "service": "count_clicks"}
    old, silent = alarm(with_redis, "ClicksOldestOnRedis"), alarm(with_redis, "ClicksRedisSilent")

    assert watched(with_redis, old) == (OLDEST_AGE, clicks)
    assert old["Threshold"] == alarm(with_redis, "ClicksOldestMessage")["Threshold"] > 300
    assert (watched(with_redis, silent), silent["Statistic"]) == ((BACKLOG, clicks), "SampleCount")
    assert silent["TreatMissingData"] == "breaching"
    assert silent["Period"] * silent["EvaluationPeriods"] == 15 * 60
    for each in (old, silent):
        assert "clicks" in each["AlarmDescription"]
        assert " first" in each["AlarmDescription"]


def test_what_travels_over_sqs_is_not_asked_for_on_redis(with_redis, without_redis):
    def told(synthesised):
        return [
            dimensions["queue"]
            for each in alarms(synthesised)
            for metric, dimensions in all_watched(synthesised, each)
            if metric in {BACKLOG, OLDEST_AGE}
        ]

    assert told(with_redis) == ["clicks", "clicks"]
    assert told(without_redis) == []


def test_the_dashboard_shows_what_is_on_redis_beside_what_is_on_sqs(with_redis, without_redis):
    def shown(synthesised):
        [dashboard] = synthesised.resources("AWS::CloudWatch::Dashboard").values()
        return [str(dashboard).count(f'"{each}"') for each in (BACKLOG, OLDEST_AGE)]

    assert shown(with_redis) == [1, 1]
    assert shown(without_redis) == [0, 0]


def test_an_operators_function_finds_the_drain_and_may_invoke_it(with_redis, without_redis):
    service = with_redis.stacks.service
    drain, administer = service.queue("clicks").consumer("count_clicks").drain, service.administer.function
    role = with_redis.properties(administer)["Role"]["Fn::GetAtt"][0]
    invoked = {
        with_redis.target(resource)
        for policy in with_redis.resources("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
        for resource in statement["Resource"]
    }
    found = {
        each["Properties"]["Name"]
        for each in with_redis.resources("AWS::SSM::Parameter").values()
        if with_redis.id_of(drain) in str(each["Properties"]["Value"])
    }

    assert {with_redis.id_of(drain), f"{with_redis.id_of(drain)}:$LATEST"} <= invoked
    assert [each.rpartition("consumers/")[2] for each in found] == ["clicks/count_clicks"]
    without = without_redis.resources("AWS::SSM::Parameter").values()
    assert not any('"drain"' in str(each) for each in without)


@pytest.fixture(scope="module")
def with_secret(make):
    return make(redis_url_secret="redis-url")


def test_a_url_that_is_a_secret_is_read_by_those_who_need_it_and_told_to_nobody(with_secret):
    told = {
        id_: each["Properties"]["Environment"]["Variables"]
        for id_, each in with_secret.resources("AWS::Lambda::Function").items()
    }
    reading = [
        statement["Resource"]
        for policy in with_secret.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "redis-url" in str(statement["Resource"])
    ]

    named = [each for each in told.values() if settings.REDIS_URL_SECRET in each]
    assert {each[settings.REDIS_URL_SECRET] for each in named} == {"redis-url"}
    assert {each[settings.SERVICE_NAME] for each in named} == SENDERS_AND_DRAINS | WHO_PUT_BACK
    assert len(reading) == len(named)
    assert not any(settings.REDIS_URL in each for each in told.values())
    warnings = annotations(with_secret.assembly, "HeadworksService", "warning")
    assert not any("travel over redis" in text for _, text in warnings)


@pytest.mark.parametrize("password", ["hunter2", "hunter2%40"])
def test_a_password_is_refused_before_it_stands_in_a_template_and_not_shown(password):
    with pytest.raises(InvalidDeclaration, match="redis_url_secret") as refused:
        _redis_url(f"rediss://ada:{password}@cache.example")

    assert "hunter2" not in str(refused.value)


def test_a_url_and_a_secret_exclude_each_other():
    with pytest.raises(
        InvalidDeclaration, match=r"redis_url=\.\.\. and redis_url_secret=\.\.\.: .* one server"
    ):
        Deployment(redis_url=URL, redis_url_secret="redis-url")


def test_a_server_that_is_none_is_refused_before_anything_is_deployed():
    with pytest.raises(InvalidDeclaration, match="isn't a Redis URL"):
        _redis_url("https://cache.example")
