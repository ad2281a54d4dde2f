"""Everything declared is watched, and an alarm says what happened and what to do."""

from __future__ import annotations

import json
import math


def test_a_queue_is_alarmed_for_dead_old_and_too_many_messages(synthesised):
    for queue, parts in synthesised.consumers():
        dead = alarm(synthesised, f"{queue.resource_id}DeadLetters")
        old = alarm(synthesised, f"{queue.resource_id}OldestMessage")
        many = alarm(synthesised, f"{queue.resource_id}InFlight")

        assert watched(synthesised, dead) == (
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": synthesised.id_of(parts.dead_letter_queue)},
        )
        assert dead["Threshold"] == 1
        assert watched(synthesised, old) == (
            "ApproximateAgeOfOldestMessage",
            {"QueueName": synthesised.id_of(parts.queue)},
        )
        assert old["Threshold"] == math.ceil(queue.oldest_age_alarm.total_seconds())
        assert watched(synthesised, many) == (
            "ApproximateNumberOfMessagesNotVisible",
            {"QueueName": synthesised.id_of(parts.queue)},
        )
        assert many["Threshold"] == 80_000


def test_every_function_is_alarmed_for_errors(synthesised):
    functions = set(synthesised.resources("AWS::Lambda::Function"))
    alarmed = {
        dimensions["FunctionName"]
        for metric, dimensions in (watched(synthesised, each) for each in alarms(synthesised))
        if metric == "Errors"
    }

    assert alarmed == functions


def test_the_api_is_alarmed_for_server_errors(synthesised):
    metric, dimensions = watched(synthesised, alarm(synthesised, "ServerErrors"))

    assert metric == "5xx"
    assert dimensions == {"ApiId": synthesised.id_of(synthesised.stacks.service.api.api)}


def test_every_alarm_reaches_the_topic_and_no_data_is_no_alarm(synthesised):
    topic = synthesised.id_of(synthesised.stacks.monitoring.alarms.topic)

    for each in alarms(synthesised):
        assert [synthesised.target(action) for action in each["AlarmActions"]] == [topic]
        assert each["TreatMissingData"] == "notBreaching"
        assert each["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_an_alarm_says_what_happened_and_what_to_do_first(synthesised):
    for queue in synthesised.topology.queues:
        for what in ("DeadLetters", "OldestMessage", "InFlight"):
            assert queue.name in alarm(synthesised, f"{queue.resource_id}{what}")["AlarmDescription"]
        assert (
            queue.consumers[0] in alarm(synthesised, f"{queue.resource_id}ConsumerErrors")["AlarmDescription"]
        )
    for each in alarms(synthesised):
        assert " first" in each["AlarmDescription"]
        assert each["AlarmDescription"].endswith(".")


def test_the_topic_takes_alarms_of_this_account_over_tls_only(synthesised):
    [policy] = synthesised.resources("AWS::SNS::TopicPolicy").values()
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


def test_the_dashboard_has_a_row_for_the_edges_and_one_for_every_queue(synthesised):
    [dashboard] = synthesised.resources("AWS::CloudWatch::Dashboard").values()
    _, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    body = json.loads("".join(part if isinstance(part, str) else "-" for part in parts))
    rows = {}
    for widget in body["widgets"]:
        rows.setdefault(widget["y"], []).append(widget["properties"]["title"])

    edges, *queues = rows.values()
    assert len(edges) == 4
    assert [{title.split(":")[0] for title in row} for row in queues] == [
        {queue.name} for queue in synthesised.topology.queues
    ]


def alarms(synthesised):
    return [each["Properties"] for each in synthesised.resources("AWS::CloudWatch::Alarm").values()]


def alarm(synthesised, id_):
    return synthesised.properties(synthesised.stacks.monitoring.alarms.node.find_child(id_))


def watched(synthesised, properties):
    """The metric of an alarm, and the logical ids of what it measures."""
    dimensions = {each["Name"]: synthesised.target(each["Value"]) for each in properties["Dimensions"]}
    return properties["MetricName"], dimensions
