"""Real processes of the emulator's Lambda, killed 30 times at each point of a consumer: nothing lost, nothing twice."""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
import time
import zipfile
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks.brokers.sqs import SqsBroker
from headworks.clock import SystemClock
from headworks.ledger import layout
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import State
from headworks.outcome import Reason
from headworks.testing.log import RecordingLog
from headworks.waking import Waker
from tests.chaos.books import Accepted, Books, Standing
from tests.chaos.mortal import CONSUMER, MEMORY_MB, TOLD, declaration
from tests.chaos.points import IN_THE_GAP, LETHAL, Point
from tests.chaos.scripts import ELSEWHERE, LEADS_TO, LONG_WAIT
from tests.chaos.witness import witness
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import SECOND, a_message

KILLS = 30
# Twice the function's timeout instead of six times: the messages of the dead come back sooner.
VISIBILITY_TIMEOUT = 12 * SECOND
LONGEST_SECONDS = 900
LOOK_SECONDS = 0.3
ROLE = "arn:aws:iam::000000000000:role/nobody"
SOURCE = "from tests.chaos.mortal import start\nhandler = start()\n"
# Those that wait for minutes go first.
POINTS = sorted(set(Point) - ELSEWHERE, key=lambda point: (LONG_WAIT not in LEADS_TO.get(point, ()), point))


class Scene:
    """One point's queue, ledger and function on the emulator, and those who are to die there."""

    def __init__(self, clients, point, warrants, witnesses):
        self.point = point
        self._warrants = warrants
        self._witnesses = witnesses
        self._sqs, self._lambda, self._dynamodb = (clients(name) for name in ("sqs", "lambda", "dynamodb"))
        self.declaration = declaration(f"{point.replace('_', '-')}-{uuid4().hex[:6]}")
        self.accepted = []
        self._numbers = itertools.count()

    def __enter__(self):
        for number, way in zip(range(KILLS), itertools.cycle(LETHAL), strict=False):
            (self._warrants / f"{number:02}-{way}.due").touch()
        self._dead_letter_url = self._make_queue("dead", {})
        target = self._arn(self._dead_letter_url)
        policy = {"deadLetterTargetArn": target, "maxReceiveCount": self.declaration.receive_limit}
        self._url = self._make_queue("queue", {"RedrivePolicy": json.dumps(policy)})
        self._table = f"{self.declaration.name}-ledger"
        self._dynamodb.create_table(TableName=self._table, **LEDGER_TABLE)
        self._broker = SqsBroker(
            self.declaration,
            self._sqs,
            url=self._url,
            dead_letter_url=self._dead_letter_url,
            log=RecordingLog(),
        )
        self._make_function()
        return self

    def __exit__(self, *_):
        self._lambda.delete_event_source_mapping(UUID=self._mapping)
        self._lambda.delete_function(FunctionName=self.declaration.name)

    def play(self):
        """Send messages until everybody who is to die has died, then wait until nothing moves."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while self._due or self._is_busy:
            assert time.monotonic() < deadline, f"{self._due} deaths to go, {self._counts()} messages"
            if self._due and self._counts()[0] < 2 * self.declaration.batch_size:
                self._send()
            if LONG_WAIT in self._leading:
                self._wake()
            time.sleep(LOOK_SECONDS)
        return self._books()

    @property
    def deaths(self):
        """Who died here, and how, by invocation."""
        taken = [each for each in self._warrants.iterdir() if each.suffix not in (".due", ".trouble")]
        return {each.suffix.removeprefix("."): each.stem.partition("-")[2] for each in taken}

    @property
    def _due(self):
        return len(list(self._warrants.glob("*.due")))

    @property
    def _leading(self):
        return LEADS_TO.get(self.point, ("done",))

    @property
    def _is_busy(self):
        if any(self._counts()):
            return True
        return any(item["state"]["S"] in (State.WAITING, State.RETRYING) for item in self._items())

    def _counts(self):
        names = [f"ApproximateNumberOfMessages{name}" for name in ("", "NotVisible", "Delayed")]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return [int(attributes[name]) for name in names]

    def _send(self):
        scripts = (self._leading, self._leading, ("done",), ("fail", "done"))
        messages = [
            a_message(
                json.dumps({"script": script}).encode(),
                idempotency_key=f"{self.declaration.name}-{next(self._numbers)}",
            )
            for script in scripts
        ]
        sent = self._broker.send(messages)
        self.accepted += [
            Accepted(key=message.idempotency_key)
            for message, each in zip(messages, sent, strict=True)
            if each.error is None
        ]

    def _wake(self):
        Waker(
            queue=self.declaration,
            consumer=CONSUMER,
            ledger=DynamoDBLedger(self.declaration, CONSUMER, self._dynamodb, table=self._table),
            broker=self._broker,
            claim_check=None,
            clock=SystemClock(),
            log=RecordingLog(),
        ).wake(remaining=lambda: timedelta(minutes=1))

    def _books(self):
        pages = {
            page: [step for step in self._witnesses[page].told if step.key.startswith(self.declaration.name)]
            for page in TOLD
        }
        dead = {step.process for step in pages["begun"]} - {step.process for step in pages["ended"]}
        pages["returned"] += _untold_returns(pages["leases"], pages["returned"], dead)
        return Books(
            attempts=self.declaration.retry.max_attempts,
            most_crashes=self.declaration.max_crashes,
            accepted=self.accepted,
            dead=dead,
            unanswered={(step.key, step.process) for step in pages["unanswered"]},
            standings={item["key"]["S"]: _standing(item) for item in self._items()},
            left=self._left(),
            **{page: pages[page] for page in ("leases", "returned", "runs", "effects", "records")},
        )

    def _items(self):
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"] if "state" in item]

    def _left(self):
        dead = self._sqs.receive_message(QueueUrl=self._dead_letter_url, MaxNumberOfMessages=10)
        return [json.loads(each["Body"])["idempotencykey"] for each in dead.get("Messages", [])]

    def _make_queue(self, kind, attributes):
        seconds = str(int(VISIBILITY_TIMEOUT.total_seconds()))
        made = self._sqs.create_queue(
            QueueName=f"{self.declaration.name}-{kind}",
            Attributes={"VisibilityTimeout": seconds, **attributes},
        )
        return made["QueueUrl"]

    def _arn(self, url):
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def _make_function(self):
        self._lambda.create_function(
            FunctionName=self.declaration.name,
            Runtime="python3.13",
            Handler="function.handler",
            Role=ROLE,
            Timeout=int(self.declaration.function_timeout.total_seconds()),
            MemorySize=MEMORY_MB,
            Code={"ZipFile": _zipped()},
            Environment={"Variables": self._environment()},
        )
        self._mapping = self._lambda.create_event_source_mapping(
            EventSourceArn=self._arn(self._url),
            FunctionName=self.declaration.name,
            BatchSize=self.declaration.batch_size,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": 3},
        )["UUID"]

    def _environment(self):
        return {
            "POINT": self.point,
            "WARRANTS": str(self._warrants),
            "QUEUE": self.declaration.name,
            "QUEUE_URL": self._url,
            "DEAD_LETTER_QUEUE_URL": self._dead_letter_url,
            "LEDGER_TABLE": self._table,
            # The packages that this test itself was given: a layer would take minutes to unpack so often.
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **{f"{page.upper()}_URL": each.url for page, each in self._witnesses.items()},
        }


def _untold_returns(leases, returned, dead):
    """Leases that a process gave back and died before it could tell: their attempt was leased again.

    An attempt that is leased again because a crash wasn't counted shows all the same: the
    crash makes one attempt too few.
    """
    again = {(later.key, later.attempt): later for later in leases}
    return [
        lease
        for lease in leases
        if lease.process in dead and lease not in returned and again[lease.key, lease.attempt] != lease
    ]


def _standing(attributes):
    item = layout.read_item(attributes)
    return Standing.of(item, Reason(attributes["reason"]["S"]) if item.state is State.DEAD else None)


def _zipped():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("function.py", SOURCE)
    return archive.getvalue()


@pytest.fixture(scope="module")
def witnesses(tmp_path_factory):
    """One for each page of the books."""
    directory = tmp_path_factory.mktemp("told")
    with ExitStack() as stack:
        yield {page: stack.enter_context(witness(directory / page)) for page in TOLD}


@pytest.mark.e2e
@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_at_a_point_loses_nothing_and_repeats_only_in_the_gap(
    emulator_clients, witnesses, tmp_path, point, report
):
    with Scene(emulator_clients, point, tmp_path, witnesses) as scene:
        books = scene.play()

    verdicts = books.close()

    assert len(scene.deaths) == KILLS
    assert set(scene.deaths.values()) == set(LETHAL)
    assert set(scene.deaths) <= books.dead
    assert verdicts.faults == {}
    assert verdicts.repeated or point not in IN_THE_GAP
    report(
        kills=len(scene.deaths),
        messages_accepted=len(books.accepted),
        effects=len(books.effects),
        effects_again_after_a_death_in_the_named_gap=sum(verdicts.repeated.values()),
        faults=len(verdicts.faults),
    )
