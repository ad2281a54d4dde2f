"""What holds state is as the declarations say, encrypted, private, and outlives its stack."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import aws_cdk as cdk
import pytest

from headworks.ledger import layout
from headworks.naming import resource_id
from headworks.queue import KEPT_PREFIX
from headworks.upkeep import BURY_CRASHED
from infra.constructs.pipeline_queue import PipelineQueue
from infra.constructs.queue_service import SeveralConsumers

DAY = timedelta(days=1)
EVERYBODY = {"AWS": "*"}


def test_a_queue_keeps_hides_and_gives_up_as_declared(synthesised):
    for queue, parts in synthesised.consumers():
        properties = synthesised.properties(parts.queue)

        assert properties["MessageRetentionPeriod"] == queue.retention.total_seconds()
        assert properties["VisibilityTimeout"] == queue.visibility_timeout.total_seconds()
        assert properties["RedrivePolicy"] == {
            "deadLetterTargetArn": {"Fn::GetAtt": [synthesised.id_of(parts.dead_letter_queue), "Arn"]},
            "maxReceiveCount": queue.receive_limit,
        }
        dead_letters = synthesised.properties(parts.dead_letter_queue)
        assert dead_letters["MessageRetentionPeriod"] == queue.dead_letter_retention.total_seconds()
        assert dead_letters["VisibilityTimeout"] == BURY_CRASHED.visibility_timeout.total_seconds()
        assert "RedrivePolicy" not in dead_letters


def test_only_ordered_queues_are_fifo_and_each_key_has_a_quota_of_its_own(synthesised):
    fifo = {
        "FifoQueue": True,
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    }
    for queue, parts in synthesised.consumers():
        for each in (parts.queue, parts.dead_letter_queue):
            properties = synthesised.properties(each)

            assert {name: properties.get(name) for name in fifo} == (
                fifo if queue.fifo else dict.fromkeys(fifo)
            )


def test_queues_are_encrypted_and_reached_over_tls_only(synthesised):
    queues = synthesised.resources("AWS::SQS::Queue")
    refusing = {
        policy["Properties"]["Queues"][0]["Ref"]
        for policy in synthesised.resources("AWS::SQS::QueuePolicy").values()
        if refuses_plain_text(policy)
    }

    assert len(queues) == 2 * len(synthesised.consumers())
    assert refusing == set(queues)
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())


def test_several_consumers_have_a_topic_that_hands_each_of_them_every_message_as_it_is(synthesised):
    subscriptions = [each["Properties"] for each in synthesised.resources("AWS::SNS::Subscription").values()]
    expected = [
        (queue.resource_id, synthesised.id_of(parts.queue), synthesised.id_of(parts.dead_letter_queue))
        for queue, parts in synthesised.consumers()
        if queue.is_fanned_out
    ]
    topics = {synthesised.id_of(topic): queue.resource_id for queue, topic in synthesised.topics()}

    assert sorted(
        (
            topics[synthesised.target(each["TopicArn"])],
            synthesised.target(each["Endpoint"]),
            synthesised.target(each["RedrivePolicy"]["deadLetterTargetArn"]),
        )
        for each in subscriptions
    ) == sorted(expected)
    for each in subscriptions:
        assert each["Protocol"] == "sqs"
        assert each["RawMessageDelivery"] is True
        assert "FilterPolicy" not in each


def test_only_its_topic_may_send_to_a_queue_of_several_and_to_the_net_under_it(synthesised):
    senders = {
        synthesised.target(queue): [synthesised.target(source) for source in sources(policy)]
        for policy in synthesised.resources("AWS::SQS::QueuePolicy").values()
        for queue in policy["Properties"]["Queues"]
    }

    for queue, parts in synthesised.consumers():
        topic = synthesised.stacks.service.queue(queue.name).topic
        expected = [synthesised.id_of(topic)] if topic else []
        assert senders[synthesised.id_of(parts.queue)] == expected
        assert senders[synthesised.id_of(parts.dead_letter_queue)] == expected


def test_a_topic_is_ordered_as_its_queue_is_encrypted_and_reached_over_tls_only(synthesised):
    refusing = {
        synthesised.target(topic)
        for policy in synthesised.resources("AWS::SNS::TopicPolicy").values()
        for topic in policy["Properties"]["Topics"]
        if refuses_plain_text(policy, everybody="*")
    }

    for queue, topic in synthesised.topics():
        properties = synthesised.properties(topic)
        assert properties.get("FifoTopic", False) == queue.fifo
        assert properties.get("FifoThroughputScope") == ("MessageGroup" if queue.fifo else None)
        # Two different events may look the same.
        assert not properties.get("ContentBasedDeduplication")
        assert synthesised.target(properties["KmsMasterKeyId"]).endswith(":alias/aws/sns")
        assert synthesised.id_of(topic) in refusing


def test_a_consumers_queue_stays_the_same_when_another_one_joins(ours):
    [webhooks] = ours.queues({"webhooks"})
    alone, joined = cdk.Stack(), cdk.Stack()
    queues = [
        PipelineQueue(stack, "Webhooks", declaration=declaration, removal_policy=cdk.RemovalPolicy.RETAIN)
        for stack, declaration in (
            (alone, webhooks),
            (joined, replace(webhooks, consumers=("count_webhook", *webhooks.consumers))),
        )
    ]

    before, after = (ours.id_of(queue.consumers["deliver_webhook"].queue) for queue in queues)
    assert before == after


def test_tables_are_keyed_by_id_and_can_be_restored(synthesised):
    tables = [
        resource["Properties"] for resource in synthesised.resources("AWS::DynamoDB::GlobalTable").values()
    ]

    assert len(tables) == 2 + len(synthesised.topology.tables)
    for table in tables:
        assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        assert {"AttributeName": "id", "AttributeType": "S"} in table["AttributeDefinitions"]
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        [replica] = table["Replicas"]
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_ledger_and_deduplication_forget_in_time_but_no_table_of_the_pipelines_own(synthesised):
    storage = synthesised.stacks.storage

    for table in (storage.ledger.table, storage.deduplication.table):
        forgetting = synthesised.properties(table)["TimeToLiveSpecification"]
        assert forgetting == {"AttributeName": "expiration", "Enabled": True}
    for table in storage.tables.values():
        assert "TimeToLiveSpecification" not in synthesised.properties(table.table)


def test_the_ledger_lists_what_somebody_may_look_for_by_its_header(synthesised):
    ledger = synthesised.properties(synthesised.stacks.storage.ledger.table)

    types = {each["AttributeName"]: each["AttributeType"] for each in ledger["AttributeDefinitions"]}
    indexes = {index["IndexName"]: index for index in ledger["GlobalSecondaryIndexes"]}
    assert set(indexes) == {layout.INDEX, layout.FOUND_BY}
    index = indexes[layout.INDEX]
    assert [(each["KeyType"], each["AttributeName"]) for each in index["KeySchema"]] == [
        ("HASH", layout.INDEX_KEY),
        ("RANGE", layout.INDEX_SORT),
    ]
    assert (types[layout.INDEX_KEY], types[layout.INDEX_SORT]) == ("S", "N")
    assert index["Projection"] == {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": list(layout.LISTED_ATTRIBUTES),
    }
    found_by = indexes[layout.FOUND_BY]
    assert [(each["KeyType"], each["AttributeName"]) for each in found_by["KeySchema"]] == [
        ("HASH", layout.FOUND_BY)
    ]
    assert found_by["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_buckets_are_private_encrypted_and_reached_over_tls_only(synthesised):
    buckets = synthesised.resources("AWS::S3::Bucket")
    refusing = {
        policy["Properties"]["Bucket"]["Ref"]
        for policy in synthesised.resources("AWS::S3::BucketPolicy").values()
        if refuses_plain_text(policy)
    }

    assert len(buckets) == 1 + len(synthesised.topology.buckets)
    assert refusing == set(buckets)
    for bucket in buckets.values():
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["Properties"]["BucketEncryption"]


def test_a_bucket_of_the_pipelines_own_keeps_objects_as_long_as_declared(synthesised):
    for declared in synthesised.topology.buckets:
        bucket = synthesised.properties(synthesised.stacks.storage.buckets[declared.name].bucket)
        rules = bucket.get("LifecycleConfiguration", {"Rules": []})["Rules"]

        lives = {rule["Prefix"]: timedelta(days=rule["ExpirationInDays"]) for rule in rules}
        assert lives == ({} if declared.kept_for is None else {declared.prefix: declared.kept_for})


def test_a_body_is_kept_as_long_as_its_message_can_live_and_no_day_longer(synthesised):
    bucket = synthesised.properties(synthesised.stacks.storage.claim_check.bucket)
    rules = {rule["Prefix"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

    lives = {
        prefix: life
        for queue in synthesised.topology.queues
        for prefix, life in (
            (queue.body_prefix, queue.memory_of_keys),
            (queue.waiting_prefix, queue.memory_of_waits),
            (queue.kept_prefix, queue.memory_of_the_dead),
        )
        if life is not None
    }
    assert set(rules) == set(lives)
    for prefix, rule in rules.items():
        assert rule["Status"] == "Enabled"
        assert rule["ExpirationInDays"] == math.ceil(lives[prefix] / DAY)
    assert not [prefix for prefix in rules if KEPT_PREFIX.startswith(prefix)]
    assert "VersioningConfiguration" not in bucket


def test_every_source_endpoint_the_producers_and_the_operators_have_a_secret_that_is_base64_too(synthesised):
    topology = synthesised.topology
    secrets = synthesised.resources("AWS::SecretsManager::Secret").values()

    assert len(secrets) == len(topology.sources) + len(topology.endpoints) + 2
    for secret in secrets:
        assert secret["Properties"]["GenerateSecretString"] == {
            "PasswordLength": 32,
            "ExcludePunctuation": True,
        }


def test_state_outlives_its_stack_but_not_a_local_run(synthesised):
    expected = "Delete" if synthesised.deployment.local else "RetainExceptOnCreate"

    for kind in ("SQS::Queue", "DynamoDB::GlobalTable", "S3::Bucket", "SecretsManager::Secret"):
        for resource in synthesised.resources(f"AWS::{kind}").values():
            assert resource["DeletionPolicy"] == expected


def test_outputs_lead_to_every_part(synthesised):
    topology = synthesised.topology
    outputs = {
        name
        for template in synthesised.templates.values()
        for name in template.find_outputs("*")
        if not name.startswith("PublishOutput")
    }

    assert outputs == {
        "AdminSecret",
        "AlarmTopic",
        "ClaimCheckBucket",
        "DeduplicationTable",
        "Endpoint",
        "LedgerTable",
        "ProducerSecret",
        *(f"QueueUrl{parts.id_}" for _, parts in synthesised.consumers()),
        *(f"DeadLetterQueueUrl{parts.id_}" for _, parts in synthesised.consumers()),
        *(f"TopicArn{queue.resource_id}" for queue, _ in synthesised.topics()),
        *(f"Table{table.resource_id}" for table in topology.tables),
        *(f"Bucket{bucket.resource_id}" for bucket in topology.buckets),
        *(f"SourceSecret{resource_id(source.name)}" for source in topology.sources),
        *(f"EndpointSecret{endpoint.resource_id}" for endpoint in topology.endpoints),
    }


def test_of_several_consumers_it_must_be_said_whose_queue_is_meant(other):
    news = other.stacks.service.queue("news")

    with pytest.raises(SeveralConsumers, match="one of print_news, read_news, keep_news"):
        _ = news.dead_letter_queue


def sources(policy):
    """What a queue's policy allows to send."""
    return [
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def refuses_plain_text(policy, *, everybody=EVERYBODY):
    """Whether a resource's policy denies everything that doesn't come over TLS."""
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] == everybody
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    )
