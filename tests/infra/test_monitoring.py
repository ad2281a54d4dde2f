"""Everything declared is watched, and an alarm says what happened and what to do."""

from __future__ import annotations

import json
import math
from datetime import timedelta

from headworks.ledger.catalogue import Address
from headworks.operations.control import Pause
from headworks.operations.flags import of_consumer, of_source
from headworks.telemetry import EXPIRING, powertools_counts, powertools_gauge
from headworks.testing.clock import MovingClock
from headworks.testing.flags import MemoryFlags
from headworks.upkeep import BURY_CRASHED
from wake_waiting.pauses import Pauses


def test_a_consumer_is_alarmed_for_dead_old_and_too_many_messages(synthesised):
    for queue, parts in synthesised.consumers():
        dead = alarm(synthesised, f"{parts.id_}DeadLetters")
        old = alarm(synthesised, f"{parts.id_}OldestMessage")
        many = alarm(synthesised, f"{parts.id_}InFlight")

        assert watched(synthesised, dead) == ("Dead", {"queue": queue.name, "service": parts.name})
        assert (dead["Statistic"], dead["Threshold"], dead["Period"]) == ("Sum", 1, 300)
        age = ("ApproximateAgeOfOldestMessage", {"QueueName": synthesised.id_of(parts.queue)})
        assert age in all_watched(synthesised, old)
        assert old["Threshold"] == math.ceil(queue.oldest_age_alarm.total_seconds())
        assert watched(synthesised, many) == (
            "ApproximateNumberOfMessagesNotVisible",
            {"QueueName": synthesised.id_of(parts.queue)},
        )
        assert many["Threshold"] == 80_000


def test_deaths_are_watched_as_functions_publish_them(synthesised, capsys):
    for queue, parts in synthesised.consumers():
        powertools_counts(queue.name, parts.name)({"Dead": 1}, ())

        published = json.loads(capsys.readouterr().out)
        [metrics] = published["_aws"]["CloudWatchMetrics"]
        dead = alarm(synthesised, f"{parts.id_}DeadLetters")
        assert metrics["Namespace"] == dead["Namespace"]
        assert dead["MetricName"] in {metric["Name"] for metric in metrics["Metrics"]}
        [dimensions] = metrics["Dimensions"]
        assert {name: published[name] for name in dimensions} == watched(synthesised, dead)[1]


def test_a_dead_letter_queue_that_stays_filled_is_an_alarm_whether_its_messages_hide_or_not(synthesised):
    for queue, parts in synthesised.consumers():
        for what, metric in (("Unburied", "Visible"), ("Unburiable", "NotVisible")):
            stays = alarm(synthesised, f"{parts.id_}{what}")

            assert watched(synthesised, stays) == (
                f"ApproximateNumberOfMessages{metric}",
                {"QueueName": synthesised.id_of(parts.dead_letter_queue)},
            )
            assert stays["Threshold"] == 1
            duration = timedelta(seconds=stays["Period"] * stays["EvaluationPeriods"])
            assert duration >= BURY_CRASHED.patience + queue.function_timeout


def test_old_messages_of_a_paused_consumer_are_no_alarm_but_on_a_laptop_where_there_is_no_arithmetic(
    synthesised,
):
    for queue, parts in synthesised.consumers():
        old = alarm(synthesised, f"{parts.id_}OldestMessage")

        if synthesised.deployment.local:
            assert "Metrics" not in old
            continue
        [expression] = [each["Expression"] for each in old["Metrics"] if "Expression" in each]
        assert expression == "IF(FILL(excused, 0) > 0, 0, age)"
        excused = ("Excused", {"queue": queue.name, "service": parts.name})
        assert excused in all_watched(synthesised, old)


def test_a_pause_is_watched_as_each_minutes_round_tells_it(ours, capsys):
    flags, clock = MemoryFlags(), MovingClock()
    pause = Pause(since=clock.now(), by="ada")
    for queue, parts in ours.consumers():
        flags.put_up(of_consumer(Address(queue.name, parts.name)), pause)
    for source in ours.topology.sources:
        flags.put_up(of_source(source.name), pause)
    a_round = Pauses(topology=ours.topology, flags=flags, resuming=None, gauge=powertools_gauge, clock=clock)

    a_round.tell(flags.flags)

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    published = [
        (metric["Name"], {name: line[name] for name in dimensions})
        for line in told
        for emf in line["_aws"]["CloudWatchMetrics"]
        for dimensions in emf["Dimensions"]
        for metric in emf["Metrics"]
    ]
    paused = [each for each in alarms(ours) if each.get("MetricName") == "Paused"]
    assert len(paused) == len(ours.consumers()) + len(ours.topology.sources)
    for each in paused:
        assert watched(ours, each) in published
        assert each["Period"] * each["EvaluationPeriods"] == timedelta(days=1).total_seconds()
    for _, parts in ours.consumers():
        for metric in all_watched(ours, alarm(ours, f"{parts.id_}OldestMessage")):
            assert metric in published or metric[0] == "ApproximateAgeOfOldestMessage"


def test_messages_that_sqs_will_delete_are_an_alarm_paused_or_not(synthesised):
    for queue, parts in synthesised.consumers():
        near = alarm(synthesised, f"{parts.id_}NearRetention")

        assert watched(synthesised, near) == (
            "ApproximateAgeOfOldestMessage",
            {"QueueName": synthesised.id_of(parts.queue)},
        )
        assert near["Threshold"] == queue.retention.total_seconds() * 3 / 4


def test_dead_letters_are_an_alarm_before_they_expire_where_they_do(synthesised, capsys):
    for queue, parts in synthesised.consumers():
        watching = [
            each
            for each in alarms(synthesised)
            if each.get("MetricName") == EXPIRING and parts.name in str(each)
        ]
        assert len(watching) == (queue.dead_letters_kept_for is not None)
        for each in watching:
            powertools_gauge({EXPIRING: 1}, service=parts.name, queue=queue.name)
            line = json.loads(capsys.readouterr().out)
            [dimensions] = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
            assert watched(synthesised, each) == (EXPIRING, {name: line[name] for name in dimensions})
            assert each["Threshold"] == 1


def test_a_message_that_a_topic_lets_go_of_is_an_alarm(synthesised):
    for queue, topic in synthesised.topics():
        lost = alarm(synthesised, f"{queue.resource_id}Undeliverable")

        assert watched(synthesised, lost) == (
            "NumberOfNotificationsFailedToRedriveToDlq",
            {"TopicName": synthesised.id_of(topic)},
        )
        assert lost["Threshold"] == 1


def test_it_is_an_alarm_when_nobody_wakes_what_waits(synthesised):
    silent = alarm(synthesised, "WakeWaitingSilent")

    function = synthesised.id_of(synthesised.stacks.service.wake_waiting.function)
    assert watched(synthesised, silent) == ("Invocations", {"FunctionName": function})
    assert (silent["ComparisonOperator"], silent["Threshold"]) == ("LessThanThreshold", 1)
    assert silent["TreatMissingData"] == "breaching"


def test_every_function_is_alarmed_for_errors(synthesised):
    functions = set(synthesised.resources("AWS::Lambda::Function"))
    alarmed = {
        dimensions["FunctionName"]
        for each in alarms(synthesised)
        for metric, dimensions in all_watched(synthesised, each)
        if metric == "Errors"
    }

    assert alarmed == functions


def test_the_api_is_alarmed_for_server_errors(synthesised):
    metric, dimensions = watched(synthesised, alarm(synthesised, "ServerErrors"))

    assert metric == "5xx"
    assert dimensions == {"ApiId": synthesised.id_of(synthesised.stacks.service.api.api)}


def test_every_alarm_reaches_the_topic_and_no_data_is_no_alarm_but_where_silence_is_one(synthesised):
    topic = synthesised.id_of(synthesised.stacks.monitoring.alarms.topic)
    silence = alarm(synthesised, "WakeWaitingSilent")

    for each in alarms(synthesised):
        assert [synthesised.target(action) for action in each["AlarmActions"]] == [topic]
        if each == silence:
            continue
        assert each["TreatMissingData"] == "notBreaching"
        assert each["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_an_alarm_says_what_happened_and_what_to_do_first(synthesised):
    for _, parts in synthesised.consumers():
        for what in ("DeadLetters", "Unburied", "Unburiable", "OldestMessage", "InFlight"):
            assert parts.label in alarm(synthesised, f"{parts.id_}{what}")["AlarmDescription"]
        assert "`headworks dead list`" in alarm(synthesised, f"{parts.id_}DeadLetters")["AlarmDescription"]
        assert parts.name in alarm(synthesised, f"{parts.id_}ConsumerErrors")["AlarmDescription"]
    for each in alarms(synthesised):
        assert " first" in each["AlarmDescription"]
        assert each["AlarmDescription"].endswith(".")


def test_the_topic_takes_alarms_of_this_account_over_tls_only(synthesised):
    topic = synthesised.id_of(synthesised.stacks.monitoring.alarms.topic)
    [policy] = [
        policy
        for policy in synthesised.resources("AWS::SNS::TopicPolicy").values()
        if policy["Properties"]["Topics"] == [{"Ref": topic}]
    ]
    statements = policy["Properties"]["PolicyDocument"]["Statement"]

    assert [
        (each["Effect"], each["Principal"], each["Action"], each["Condition"]) for each in statements
    ] == [
        ("Deny", "*", "sns:Publish", {"Bool": {"aws:SecureTransport": "false"}}),
        (
            "Allow",
            {"Service": "cloudwatch.amazonaws.com"},
            "sns:Publish",
            {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        ),
    ]


def test_the_dashboard_has_a_row_for_the_edges_for_every_consumer_and_for_the_upkeep(synthesised):
    [dashboard] = synthesised.resources("AWS::CloudWatch::Dashboard").values()
    _, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    body = json.loads("".join(part if isinstance(part, str) else "-" for part in parts))
    rows = {}
    for widget in body["widgets"]:
        rows.setdefault(widget["y"], []).append(widget["properties"]["title"])

    edges, *consumers, upkeep = rows.values()
    assert len(edges) == 4
    assert [{title.split(":")[0] for title in row} for row in consumers] == [
        {parts.label} for _, parts in synthesised.consumers()
    ]
    assert {title.split(":")[0] for title in upkeep} == {"upkeep"}


def alarms(synthesised):
    return [each["Properties"] for each in synthesised.resources("AWS::CloudWatch::Alarm").values()]


def alarm(synthesised, id_):
    return synthesised.properties(synthesised.stacks.monitoring.alarms.node.find_child(id_))


def watched(synthesised, properties):
    """The metric of an alarm, and the logical ids of what it measures."""
    dimensions = {each["Name"]: synthesised.target(each["Value"]) for each in properties["Dimensions"]}
    return properties["MetricName"], dimensions


def all_watched(synthesised, properties):
    """The metrics of an alarm, also of one that does arithmetic with several."""
    if "Metrics" not in properties:
        return [watched(synthesised, properties)]
    return [
        watched(synthesised, each["MetricStat"]["Metric"])
        for each in properties["Metrics"]
        if "MetricStat" in each
    ]
