"""Where a case of the conformance suite plays: one API over two worlds."""

from __future__ import annotations

import io
import itertools
import json
import time
import zipfile
from abc import ABC, abstractmethod
from datetime import timedelta
from pathlib import Path

from botocore.exceptions import ParamValidationError

from headworks.testing import Killed, RefusedMapping, SimulatedAws
from tests.conformance import scripted_consumer

SCRIPT = Path(scripted_consumer.__file__)


class Stage(ABC):
    """A world with an SQS client, queues, and mappings to the scripted consumer."""

    def __init__(self, sqs):
        self.sqs = sqs
        self._names = itertools.count()
        self._journal = self.queue(visibility_timeout=600)
        self._batches = []
        self._arns = {}

    @abstractmethod
    def wait(self, seconds):
        """Let time pass."""

    @abstractmethod
    def consume(self, url, *, function_timeout=1, report=True, **mapping):
        """Map the scripted consumer to a queue; `mapping` by its AWS names."""

    @abstractmethod
    def refuses(self, url, **mapping):
        """Whether `consume` is refused."""

    @abstractmethod
    def _name(self):
        """A queue name that no other case uses."""

    def queue(self, *, fifo=False, dead_letters_after=None, **attributes):
        """Make a queue; answers its URL.  Attributes by their names in Python: `visibility_timeout`."""
        named = {name.title().replace("_", ""): str(value) for name, value in attributes.items()}
        if fifo:
            named["FifoQueue"] = "true"
        if dead_letters_after is not None:
            target = self.queue(fifo=fifo)
            named["RedrivePolicy"] = json.dumps(
                {"deadLetterTargetArn": self.arn(target), "maxReceiveCount": dead_letters_after}
            )
        name = self._name() + (".fifo" if fifo else "")
        return self.sqs.create_queue(QueueName=name, Attributes=named)["QueueUrl"]

    def arn(self, url):
        return self.attribute(url, "QueueArn")

    def attribute(self, url, name):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]

    def counts(self, url):
        """Visible, in flight, delayed."""
        names = ["", "NotVisible", "Delayed"]
        names = [f"ApproximateNumberOfMessages{name}" for name in names]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return tuple(int(attributes[name]) for name in names)

    def dead_letter_url(self, url):
        policy = json.loads(self.attribute(url, "RedrivePolicy"))
        return self.sqs.get_queue_url(QueueName=policy["deadLetterTargetArn"].rpartition(":")[2])["QueueUrl"]

    def send(self, url, *bodies, **fields):
        """Send messages one by one: strings, or scripts for the consumer.  Answers their ids."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        return [
            self.sqs.send_message(QueueUrl=url, MessageBody=text, **fields)["MessageId"] for text in texts
        ]

    def send_in_order(self, url, *messages):
        """Send (group, body) pairs to a FIFO queue."""
        for group, body in messages:
            self.send(url, body, MessageGroupId=group, MessageDeduplicationId=f"d{next(self._names)}")

    def receive(self, url, **fields):
        """Up to ten messages."""
        fields = {
            "MaxNumberOfMessages": 10,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
            **fields,
        }
        return self.sqs.receive_message(QueueUrl=url, **fields).get("Messages", [])

    def bodies(self, url, **fields):
        return [message["Body"] for message in self.receive(url, **fields)]

    def hide(self, url, message, seconds):
        self.sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    def delete(self, url, message):
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def eventually(self, condition, *, within=6.0):
        """Wait until something is so, at most so many seconds; answers whether it is."""
        steps = int(within / 0.1)
        for _ in range(steps):
            if condition():
                return True
            self.wait(0.1)
        return bool(condition())

    def deliveries(self, url):
        """How many records of a queue the consumer got so far."""
        arn = self._arns.setdefault(url, self.arn(url))
        return sum(record["eventSourceARN"] == arn for batch in self._noted() for record in batch)

    def batches(self, number=0):
        """The records of each invocation so far, waiting for a number of them; in the order of their start."""
        self.eventually(lambda: len(self._noted()) >= number)
        return self._noted()

    def _noted(self):
        while messages := self.receive(self._journal):
            for message in messages:
                started = int(message["Attributes"]["SentTimestamp"])
                self._batches.append((started, len(self._batches), json.loads(message["Body"])["Records"]))
                self.delete(self._journal, message)
        return [records for _, _, records in sorted(self._batches, key=lambda batch: batch[:2])]


class SimulatorStage(Stage):
    """Headworks' own."""

    def __init__(self):
        self.aws = SimulatedAws()
        super().__init__(self.aws.client)

    def close(self):
        self.aws.close()

    def wait(self, seconds):
        self.aws.run_for(timedelta(seconds=seconds))

    def consume(self, url, *, function_timeout=1, report=True, **mapping):
        function = self.aws.function(self._handle, timeout=timedelta(seconds=function_timeout))
        if "batch_window" in mapping:
            mapping["batch_window"] = timedelta(seconds=mapping["batch_window"])
        self.aws.map(
            self.aws.queues[url.rpartition("/")[2]], function, report_batch_item_failures=report, **mapping
        )

    def refuses(self, url, **mapping):
        try:
            self.consume(url, **mapping)
        except RefusedMapping:
            return True
        return False

    def _handle(self, event, _context):
        return scripted_consumer.consume(
            event, sqs=self.sqs, journal_url=self._journal, sleep=self._sleep, die=self._die
        )

    def _sleep(self, seconds):
        self.aws.clock.advance(timedelta(seconds=seconds))

    def _die(self):
        raise Killed

    def _name(self):
        return f"q{next(self._names)}"


class EmulatorStage(Stage):
    """ministack, in real time."""

    ROLE = "arn:aws:iam::000000000000:role/nobody"
    _cases = itertools.count()

    def __init__(self, clients):
        self._case = next(self._cases)
        self._lambda = clients("lambda")
        self._mappings = []
        self._functions = {}
        super().__init__(clients("sqs"))

    def wait(self, seconds):
        time.sleep(seconds)

    def consume(self, url, *, function_timeout=1, report=True, **mapping):
        settings = {"BatchSize": mapping.get("batch_size", 10)}
        if report:
            settings["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
        if "batch_window" in mapping:
            settings["MaximumBatchingWindowInSeconds"] = mapping["batch_window"]
        if "maximum_concurrency" in mapping:
            settings["ScalingConfig"] = {"MaximumConcurrency": mapping["maximum_concurrency"]}
        made = self._lambda.create_event_source_mapping(
            EventSourceArn=self.arn(url), FunctionName=self._function(function_timeout), **settings
        )
        self._mappings.append(made["UUID"])

    def refuses(self, url, **mapping):
        try:
            self.consume(url, **mapping)
        except (self._lambda.exceptions.InvalidParameterValueException, ParamValidationError):
            return True
        return False

    def close(self):
        for mapping in self._mappings:
            self._lambda.delete_event_source_mapping(UUID=mapping)

    def _function(self, timeout):
        """One function for all the mappings of a case that agree on its timeout: its processes stay warm."""
        if timeout not in self._functions:
            self._functions[timeout] = self._make_function(timeout)
        return self._functions[timeout]

    def _make_function(self, timeout):
        made = self._lambda.create_function(
            FunctionName=f"case{self._case}-{next(self._names)}",
            Runtime="python3.13",
            Handler="scripted_consumer.handler",
            Role=self.ROLE,
            Timeout=timeout,
            Code={"ZipFile": _zipped(SCRIPT)},
            Environment={"Variables": {"JOURNAL_URL": self._journal}},
        )
        return made["FunctionName"]

    def _name(self):
        return f"case{self._case}-q{next(self._names)}"


def _zipped(path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, path.name)
    return archive.getvalue()
