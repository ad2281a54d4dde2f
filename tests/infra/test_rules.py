"""Our rules know how Lambda consumes a queue, whichever stacks the two are in."""

from __future__ import annotations

import pytest

from infra.rules import Templates

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 190}}
FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {"Timeout": 30}}
BY_OUTPUT = {"Fn::GetStackOutput": {"StackName": "Storage", "OutputName": "QueueArn"}}
BY_EXPORT = {"Fn::ImportValue": "the-queue"}


def mapping(source, **properties):
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": source,
            "FunctionName": {"Ref": "Function"},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MaximumBatchingWindowInSeconds": 10,
            **properties,
        },
    }


def templates(*, queue=QUEUE, function=FUNCTION, source=BY_OUTPUT, **properties):
    output = {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "the-queue"}}
    return {
        "Storage": {"Resources": {"Queue": queue}, "Outputs": {"QueueArn": output}},
        "Service": {"Resources": {"Function": function, "Mapping": mapping(source, **properties)}},
    }


def broken(templates):
    return [(each.rule, each.resource.logical_id) for each in Templates(templates).violations()]


@pytest.mark.parametrize("source", [BY_OUTPUT, BY_EXPORT])
def test_six_timeouts_and_the_window_are_hidden_long_enough(source):
    assert broken(templates(source=source)) == []


@pytest.mark.parametrize("source", [BY_OUTPUT, BY_EXPORT])
def test_a_second_less_is_too_short(source):
    short = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 189}}
    [violation] = Templates(templates(queue=short, source=source)).violations()

    assert (violation.rule, violation.resource.logical_id) == ("Visibility", "Mapping")
    assert "hides a message for 189 s" in violation.why
    assert "Hide it for 190 s" in violation.fix


def test_what_a_template_leaves_out_is_aws_default():
    unsaid = {"Type": "AWS::SQS::Queue", "Properties": {}}
    quick = {"Type": "AWS::Lambda::Function", "Properties": {}}

    assert broken(templates(queue=unsaid, function=quick, MaximumBatchingWindowInSeconds=12)) == []
    assert broken(templates(queue=unsaid, function=quick, MaximumBatchingWindowInSeconds=13)) == [
        ("Visibility", "Mapping")
    ]


def test_batches_that_fail_as_a_whole_are_refused():
    assert broken(templates(FunctionResponseTypes=[])) == [("PartialBatches", "Mapping")]


def test_a_filter_is_refused_since_it_deletes():
    assert broken(templates(FilterCriteria={"Filters": []})) == [("Filter", "Mapping")]


def test_provisioned_pollers_and_a_maximum_concurrency_exclude_each_other():
    pollers = {"ProvisionedPollerConfig": {"MaximumPollers": 10}}

    assert broken(templates(**pollers)) == []
    assert broken(templates(**pollers, ScalingConfig={"MaximumConcurrency": 2})) == [
        ("ProvisionedPollers", "Mapping")
    ]


def a_queue_and_its_dead_letters(*, receives=5, kept, dead_kept):
    """A template whose dead letters are watched; retentions in days, none for AWS's own."""

    def queue(days, **properties):
        retention = {} if days is None else {"MessageRetentionPeriod": days * 24 * 3600}
        return {"Type": "AWS::SQS::Queue", "Properties": {**properties, **retention}}

    policy = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": receives}
    alarm = {
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Dead", "QueueName"]}}],
    }
    resources = {
        "Dead": queue(dead_kept),
        "Queue": queue(kept, RedrivePolicy=policy),
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
    }
    return {"Storage": {"Resources": resources}}


@pytest.mark.parametrize(("receives", "enough"), [(4, False), (5, True)])
def test_a_receive_limit_leaves_room_for_throttles(receives, enough):
    found = broken(a_queue_and_its_dead_letters(receives=receives, kept=12, dead_kept=14))

    assert found == ([] if enough else [("ReceiveLimit", "Queue")])


@pytest.mark.parametrize(
    ("kept", "dead_kept", "longer"), [(12, 14, True), (None, 5, True), (4, None, False), (14, 14, False)]
)
def test_dead_letters_are_kept_longer_than_their_queue_keeps_messages(kept, dead_kept, longer):
    found = broken(a_queue_and_its_dead_letters(kept=kept, dead_kept=dead_kept))

    assert found == ([] if longer else [("DeadLetterRetention", "Dead")])


def test_a_mapping_of_somebody_elses_queue_is_left_alone():
    assert (
        broken(templates(source="arn:aws:sqs:us-east-1:111122223333:theirs", FunctionResponseTypes=[])) == []
    )


def test_reserved_concurrency_is_refused():
    reserved = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Timeout": 30, "ReservedConcurrentExecutions": 5},
    }

    assert broken(templates(function=reserved)) == [("ReservedConcurrency", "Function")]


@pytest.mark.parametrize(("variables", "fits"), [(25, True), (26, False)])
def test_an_environment_that_lambda_refuses_is_refused_before_it_is_deployed(variables, fits):
    url = {"Fn::GetAtt": ["Queue", "QueueUrl"]}
    environment = {f"QUEUE_URL_NUMBER_AND_A_LONG_NAME_{n:05}": url for n in range(variables)}
    talkative = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Timeout": 30, "Environment": {"Variables": environment}},
    }

    assert broken(templates(function=talkative)) == ([] if fits else [("Environment", "Function")])


@pytest.mark.parametrize(("queues", "fits"), [(60, True), (100, False)])
def test_a_roles_policies_fit_iam_all_of_them_together(queues, fits):
    policies = {
        f"Policy{half}": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "Roles": [{"Ref": "Role"}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sqs:SendMessage",
                            "Resource": [{"Fn::GetAtt": [f"Queue{n}", "Arn"]} for n in range(queues // 2)],
                        }
                    ]
                },
            },
        }
        for half in (1, 2)
    }

    policies["Role"] = {"Type": "AWS::IAM::Role", "Properties": {}}

    assert broken({"Service": {"Resources": policies}}) == ([] if fits else [("RolePolicies", "Role")])


@pytest.mark.parametrize(("metric", "watched"), [("Visible", True), ("NotVisible", False)])
def test_a_dead_letter_queue_is_watched_by_its_visible_messages(metric, watched):
    resources = {
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1_209_600}},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}},
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "MetricName": f"ApproximateNumberOfMessages{metric}",
                "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Dead", "QueueName"]}}],
            },
        },
    }

    assert broken({"Storage": {"Resources": resources}}) == (
        [] if watched else [("DeadLettersUnwatched", "Dead")]
    )


def test_a_log_group_without_retention_is_refused():
    assert broken({"Service": {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup"}}}}) == [
        ("LogRetention", "Logs")
    ]


def inside(*endpoints, policy="AWS::IAM::Policy"):
    """A function in a network with these endpoints, which may send to queues and use tables."""
    document = {"Statement": [{"Action": ["sqs:SendMessage", "dynamodb:GetItem"]}]}
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    resources = {
        "Role": {"Type": "AWS::IAM::Role"},
        "Policy": {"Type": policy, "Properties": {"Roles": [{"Ref": "Role"}], "PolicyDocument": document}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {"Role": role, "VpcConfig": {}}},
    }
    names = [{"Fn::Join": ["", ["com.amazonaws.", {"Ref": "AWS::Region"}, f".{each}"]]} for each in endpoints]
    network = {
        f"To{index}": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"ServiceName": name}}
        for index, name in enumerate(names)
    }
    return {"Network": {"Resources": network}, "Service": {"Resources": resources}}


@pytest.mark.parametrize("policy", ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"])
def test_a_function_inside_a_network_calls_only_where_that_leads(policy):
    assert broken(inside("sqs", policy=policy)) == []
    assert broken(inside("sns", policy=policy)) == [("NoWayOut", "Function")]
