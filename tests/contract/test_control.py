"""Pausing, processing on demand and purging against the emulator's own SQS, Lambda and SSM."""

from __future__ import annotations

import io
import json
import time
import zipfile
from datetime import timedelta
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from headworks.clock import SystemClock
from headworks.ledger.catalogue import Address
from headworks.ledger.interventions import DynamoDBInterventions
from headworks.operations.control import Fate
from headworks.operations.directory import ParameterDirectory, Place, parameter_name
from headworks.operations.mappings import LambdaMappings
from headworks.operations.metrics import CloudWatchMetrics, Told
from headworks.operations.on_demand import DeployedOnDemand
from headworks.operations.on_redis import OnRedis
from headworks.operations.purging import DeployedPurging
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.log import RecordingLog
from headworks.topology import Topology
from tests.support.declarations import a_queue

pytestmark = pytest.mark.e2e

ORDERS = a_queue()
FULFIL = Address("orders", "fulfil_order")
# A mapping of the emulator looks each second: after this it has, if it ever does.
LOOKS_SECONDS = 2
ROLE = "arn:aws:iam::000000000000:role/nobody"
# It does what a body says: done, failed, or no answer in time.
SOURCE = """
import time
def handler(event, context):
    for record in event["Records"]:
        if record["body"] == "slow":
            time.sleep(3)
    failed = [each["messageId"] for each in event["Records"] if each["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""


class Stage:
    """A consumer on the emulator: its queue, its function, the mapping between them, and where it is written down."""

    def __init__(self, clients, table):
        self.clients, self.table = clients, table
        self.sqs, self.lambda_ = clients("sqs"), clients("lambda")
        self.name = f"control-{uuid4().hex[:8]}"
        self.path = f"/headworks/{self.name}/consumers"
        self.log = RecordingLog()

    def __enter__(self):
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "60"})[
            "QueueUrl"
        ]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", SOURCE)
        function = self.lambda_.create_function(
            FunctionName=self.name,
            Runtime="python3.12",
            Role=ROLE,
            Handler="index.handler",
            Code={"ZipFile": code.getvalue()},
            Timeout=10,
        )
        self.mapping = self.lambda_.create_event_source_mapping(
            EventSourceArn=arn,
            FunctionName=self.name,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            Enabled=True,
        )["UUID"]
        place = Place(
            url=self.url,
            arn=arn,
            dead_letter_url=self.url,
            function=function["FunctionArn"],
            mapping=self.mapping,
        )
        value = json.dumps({name: getattr(place, name) for name in place.__struct_fields__})
        name = parameter_name(self.path, *FULFIL)
        self.clients("ssm").put_parameter(Name=name, Type="String", Value=value)
        self.directory = ParameterDirectory(self.clients("ssm"), path=self.path)
        self.mappings = LambdaMappings(self.lambda_, self.directory)
        return self

    def __exit__(self, *_):
        self.lambda_.delete_event_source_mapping(UUID=self.mapping)
        self.lambda_.delete_function(FunctionName=self.name)
        self.sqs.delete_queue(QueueUrl=self.url)

    def pause(self):
        """No message is taken any more, a moment later."""
        self.mappings.turn(FULFIL, on=False)
        time.sleep(LOOKS_SECONDS)

    def send(self, *bodies):
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def process(self, *, waits=22):
        on_demand = DeployedOnDemand(
            Topology(queues=(ORDERS,)),
            sqs=self.sqs,
            invoking=lambda _: self.invoking(waits),
            directory=self.directory,
            log=self.log,
        )
        return on_demand.process(FULFIL, batch_size=10, remaining=lambda: timedelta(seconds=25))

    def invoking(self, seconds):
        """A client as `headworks.clients` makes it, for the emulator."""
        return boto3.client(
            "lambda",
            endpoint_url=self.lambda_.meta.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(read_timeout=seconds, retries={"total_max_attempts": 1}, proxies={}),
        )

    def purge(self):
        purging = DeployedPurging(
            Topology(queues=(ORDERS,)),
            sqs=self.sqs,
            directory=self.directory,
            on_redis=OnRedis([], lambda: None),
            memory=lambda _: MemoryDeduplication(),
            interventions=lambda address: DynamoDBInterventions(
                ORDERS, address.consumer, self.clients("dynamodb"), table=self.table
            ),
            clock=SystemClock(),
            log=self.log,
        )
        return purging.purge([FULFIL], before=None, remaining=lambda: timedelta(seconds=20))

    @property
    def counts(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return tuple(int(told[name]) for name in names)


@pytest.fixture
def stage(emulator_clients, ledger_table):
    with Stage(emulator_clients, ledger_table) as made:
        yield made


def eventually(look, wanted):
    deadline = time.monotonic() + 20
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"{seen} instead of {wanted}"
        time.sleep(0.2)


def test_what_arrives_while_it_is_paused_stays_and_goes_when_it_is_resumed(stage):
    stage.pause()
    assert not stage.mappings.state(FULFIL).is_enabled

    stage.send("a", "b")
    time.sleep(LOOKS_SECONDS)
    assert stage.counts == (2, 0)
    stage.mappings.turn(FULFIL, on=True)

    assert stage.mappings.state(FULFIL).is_enabled
    eventually(lambda: stage.counts, (0, 0))


def test_a_batch_is_processed_by_hand(stage):
    stage.pause()
    stage.send("good", "bad", "good")

    processed = stage.process()

    assert sorted(processed.fates.values()) == [Fate.DONE, Fate.DONE, Fate.FAILED]
    assert stage.counts == (0, 1)


def test_a_slow_function_is_not_waited_for(stage):
    stage.pause()
    stage.send("slow")

    processed = stage.process(waits=1)

    assert (list(processed.fates.values()), processed.unfinished) == ([Fate.UNKNOWN], True)


def test_what_lies_there_is_purged(stage):
    stage.pause()
    stage.send(*(f"m{n}" for n in range(35)))

    purged = stage.purge()

    assert (purged.purged, purged.kept, purged.more) == (35, 0, False)
    assert stage.counts == (0, 0)


def test_cloudwatch_is_asked_in_words_that_it_knows(stage):
    metrics = CloudWatchMetrics(stage.clients("cloudwatch"), clock=SystemClock())

    assert metrics.of(stage.directory.places()) == {FULFIL: Told()}
