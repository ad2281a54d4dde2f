"""What holds state is as the declarations say, encrypted, private, and outlives its stack."""

from __future__ import annotations

import math
from datetime import timedelta

from infra.constructs.naming import construct_id

DAY = timedelta(days=1)


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

    assert len(queues) == 2 * len(synthesised.topology.queues)
    assert refusing == set(queues)
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())


def test_tables_forget_in_time_and_can_be_restored(synthesised):
    tables = [
        resource["Properties"] for resource in synthesised.resources("AWS::DynamoDB::GlobalTable").values()
    ]

    assert len(tables) == 2
    for table in tables:
        assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        assert table["AttributeDefinitions"] == [{"AttributeName": "id", "AttributeType": "S"}]
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        [replica] = table["Replicas"]
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_the_bucket_is_private_encrypted_and_reached_over_tls_only(synthesised):
    [bucket] = synthesised.resources("AWS::S3::Bucket").values()
    [policy] = synthesised.resources("AWS::S3::BucketPolicy").values()

    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["BucketEncryption"]
    assert refuses_plain_text(policy)


def test_a_body_is_kept_as_long_as_its_message_can_live_and_no_day_longer(synthesised):
    [bucket] = synthesised.resources("AWS::S3::Bucket").values()
    rules = {rule["Prefix"]: rule for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]}

    assert set(rules) == {queue.body_prefix for queue in synthesised.topology.queues}
    for queue in synthesised.topology.queues:
        rule = rules[queue.body_prefix]
        assert rule["Status"] == "Enabled"
        assert rule["ExpirationInDays"] == math.ceil(queue.memory_of_keys / DAY)
    assert "VersioningConfiguration" not in bucket["Properties"]


def test_every_source_endpoint_and_the_producers_have_a_secret_that_is_base64_too(synthesised):
    topology = synthesised.topology
    secrets = synthesised.resources("AWS::SecretsManager::Secret").values()

    assert len(secrets) == len(topology.sources) + len(topology.endpoints) + 1
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
        "AlarmTopic",
        "ClaimCheckBucket",
        "DeduplicationTable",
        "Endpoint",
        "LedgerTable",
        "ProducerSecret",
        *(f"QueueUrl{queue.resource_id}" for queue in topology.queues),
        *(f"DeadLetterQueueUrl{queue.resource_id}" for queue in topology.queues),
        *(f"SourceSecret{construct_id(source.name)}" for source in topology.sources),
        *(f"EndpointSecret{endpoint.resource_id}" for endpoint in topology.endpoints),
    }


def refuses_plain_text(policy):
    """Whether a resource's policy denies everything that doesn't come over TLS."""
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] == {"AWS": "*"}
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    )
