"""SQS's operations: boto3's parameters in, boto3's answers out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.testing.sqs.batches import check_entries, each_entry
from headworks.testing.sqs.content import Content, attributes_md5, chosen_attributes, read_attributes
from headworks.testing.sqs.errors import SqsError, invalid_value, missing, no_such_queue, refused_batch
from headworks.testing.sqs.move_task import MOST_PER_SECOND, SECOND, MoveTask
from headworks.testing.sqs.queue import SimulatedQueue, Surroundings
from headworks.testing.sqs.settings import LARGEST_MESSAGE, QueueSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random
    from threading import RLock

    from headworks.clock import Clock
    from headworks.testing.agenda import Agenda
    from headworks.testing.sqs.message import StoredMessage
    from headworks.testing.sqs.quirks import Quirks

Parameters = dict[str, Any]
MOST_RECEIVED = 10
LONGEST_WAIT_SECONDS = 20
LONGEST_VISIBILITY_SECONDS = 43_200
_QUEUE_NAME = re.compile(r"(?=.{1,80}$)[A-Za-z0-9_\-]+(\.fifo)?")


class SqsService:
    """The queues of one account and region, and what one may ask of them."""

    def __init__(
        self, clock: Clock, agenda: Agenda, random: Random, new_id: Callable[[], str], lock: RLock
    ) -> None:
        self.queues: dict[str, SimulatedQueue] = {}
        self._clock = clock
        self._agenda = agenda
        self._new_id = new_id
        self._lock = lock
        self._surroundings = Surroundings(
            clock=clock, random=random, new_id=new_id, queue_by_arn=self._by_arn, lock=lock
        )
        self._move_tasks: list[MoveTask] = []
        self._operations: dict[str, Callable[[Parameters], Parameters]] = {
            "CreateQueue": self._create_queue,
            "DeleteQueue": self._delete_queue,
            "GetQueueUrl": self._get_queue_url,
            "ListQueues": self._list_queues,
            "GetQueueAttributes": self._get_queue_attributes,
            "SetQueueAttributes": self._set_queue_attributes,
            "PurgeQueue": self._purge_queue,
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "ReceiveMessage": self._receive_message,
            "DeleteMessage": self._delete_message,
            "DeleteMessageBatch": self._delete_message_batch,
            "ChangeMessageVisibility": self._change_message_visibility,
            "ChangeMessageVisibilityBatch": self._change_message_visibility_batch,
            "StartMessageMoveTask": self._start_message_move_task,
            "CancelMessageMoveTask": self._cancel_message_move_task,
            "ListMessageMoveTasks": self._list_message_move_tasks,
        }

    def call(self, operation: str, parameters: Parameters) -> Parameters:
        """One operation.  Raises `SqsError`, or `NotImplementedError` for one that isn't simulated."""
        if operation not in self._operations:
            raise NotImplementedError(f"SQS's {operation} isn't simulated")
        with self._lock:
            return self._operations[operation](parameters)

    def create(
        self, name: str, attributes: Mapping[str, str], quirks: Quirks | None = None
    ) -> SimulatedQueue:
        """The queue of this name: a new one, or the one that is there with the same attributes."""
        is_fifo = attributes.get("FifoQueue") == "true"
        if not _QUEUE_NAME.fullmatch(name) or name.endswith(".fifo") is not is_fifo:
            raise invalid_value(
                name,
                "QueueName",
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length; "
                "a FIFO queue's ends in .fifo, no other's does.",
            )
        settings = QueueSettings(is_fifo, dict(attributes))
        if (existing := self.queues.get(name)) is not None:
            return _same(existing, settings)
        self._check_redrive(settings)
        self.queues[name] = SimulatedQueue(name, settings, self._surroundings, quirks)
        return self.queues[name]

    def _create_queue(self, parameters: Parameters) -> Parameters:
        return {"QueueUrl": self.create(parameters["QueueName"], parameters.get("Attributes", {})).url}

    def _delete_queue(self, parameters: Parameters) -> Parameters:
        del self.queues[self._queue(parameters).name]
        return {}

    def _get_queue_url(self, parameters: Parameters) -> Parameters:
        queue = self.queues.get(parameters["QueueName"])
        if queue is None:
            raise no_such_queue()
        return {"QueueUrl": queue.url}

    def _list_queues(self, parameters: Parameters) -> Parameters:
        prefix = parameters.get("QueueNamePrefix", "")
        urls = [queue.url for name, queue in sorted(self.queues.items()) if name.startswith(prefix)]
        return {"QueueUrls": urls} if urls else {}

    def _get_queue_attributes(self, parameters: Parameters) -> Parameters:
        queue = self._queue(parameters)
        names = parameters.get("AttributeNames", [])
        created = str(int(queue.created_at.timestamp()))
        everything = {
            "QueueArn": queue.arn,
            "CreatedTimestamp": created,
            "LastModifiedTimestamp": created,
            "ApproximateNumberOfMessages": str(queue.available),
            "ApproximateNumberOfMessagesNotVisible": str(queue.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(queue.delayed),
            **queue.settings.shown(),
        }
        chosen = {name: value for name, value in everything.items() if name in names or "All" in names}
        return {"Attributes": chosen} if chosen else {}

    def _set_queue_attributes(self, parameters: Parameters) -> Parameters:
        queue = self._queue(parameters)
        settings = queue.settings.changed(parameters["Attributes"])
        self._check_redrive(settings)
        queue.settings = settings
        return {}

    def _purge_queue(self, parameters: Parameters) -> Parameters:
        self._queue(parameters).purge()
        return {}

    def _send_message(self, parameters: Parameters) -> Parameters:
        return _send(self._queue(parameters), parameters, _content(parameters))

    def _send_message_batch(self, parameters: Parameters) -> Parameters:
        queue, entries = self._queue(parameters), parameters["Entries"]
        check_entries(entries, "SendMessageBatchRequestEntry")
        if queue.settings.is_fifo and any("MessageGroupId" not in entry for entry in entries):
            # Unlike SendMessage's, this one is the whole batch's error, and another code.
            raise SqsError("InvalidParameterValue", "The request must contain the parameter MessageGroupId.")
        size = sum(_size(entry) for entry in entries)
        if size > LARGEST_MESSAGE:
            raise refused_batch(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {LARGEST_MESSAGE} bytes. You have sent {size} bytes.",
            )
        return each_entry(entries, lambda entry: _send(queue, entry, _content(entry)))

    def _receive_message(self, parameters: Parameters) -> Parameters:
        queue = self._queue(parameters)
        most = parameters.get("MaxNumberOfMessages", 1)
        if not 1 <= most <= MOST_RECEIVED:
            raise invalid_value(most, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
        wait = parameters.get("WaitTimeSeconds", int(queue.settings.wait.total_seconds()))
        if not 0 <= wait <= LONGEST_WAIT_SECONDS:
            raise invalid_value(wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
        timeout = _visibility(parameters) if "VisibilityTimeout" in parameters else None
        messages = queue.receive(most, visibility_timeout=timeout, polls_long=wait > 0)
        return {"Messages": [_shown(message, parameters) for message in messages]} if messages else {}

    def _delete_message(self, parameters: Parameters) -> Parameters:
        self._queue(parameters).delete(parameters["ReceiptHandle"])
        return {}

    def _delete_message_batch(self, parameters: Parameters) -> Parameters:
        check_entries(parameters["Entries"], "DeleteMessageBatchRequestEntry")
        return self._batch(parameters, self._delete_message)

    def _change_message_visibility(self, parameters: Parameters) -> Parameters:
        self._queue(parameters).change_visibility(parameters["ReceiptHandle"], _visibility(parameters))
        return {}

    def _change_message_visibility_batch(self, parameters: Parameters) -> Parameters:
        check_entries(parameters["Entries"], "ChangeMessageVisibilityBatchRequestEntry")
        return self._batch(parameters, self._change_message_visibility)

    def _batch(self, parameters: Parameters, do: Callable[[Parameters], Parameters]) -> Parameters:
        url = self._queue(parameters).url
        return each_entry(parameters["Entries"], lambda entry: do({"QueueUrl": url, **entry}))

    def _start_message_move_task(self, parameters: Parameters) -> Parameters:
        source, destination = self._by_arn(parameters["SourceArn"]), parameters.get("DestinationArn")
        redrives = [queue.settings.redrive for queue in self.queues.values()]
        if source is None or source.arn not in {redrive.target_arn for redrive in redrives if redrive}:
            raise SqsError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        if destination is not None and self._by_arn(destination) is None:
            raise SqsError("ResourceNotFoundException", "The resource that you specified doesn't exist.")
        if any(task.source is source and task.status == "RUNNING" for task in self._move_tasks):
            raise SqsError("InvalidParameterValue", "There is already a task running.")
        per_second = parameters.get("MaxNumberOfMessagesPerSecond")
        if per_second is not None and not 1 <= per_second <= MOST_PER_SECOND:
            raise invalid_value(
                per_second, "MaxNumberOfMessagesPerSecond", f"Must be between 1 and {MOST_PER_SECOND}."
            )
        task = MoveTask(
            self._new_id(),
            source,
            lambda origin: self._by_arn(destination or origin or ""),
            self._clock.now(),
            per_second=per_second,
            destination_arn=destination,
        )
        self._move_tasks.append(task)
        self._agenda.plan(self._clock.now(), lambda: self._go_on(task))
        return {"TaskHandle": task.handle}

    def _go_on(self, task: MoveTask) -> None:
        if task.status == "RUNNING" and task.move_some():
            self._agenda.plan(self._clock.now() + SECOND, lambda: self._go_on(task))

    def _cancel_message_move_task(self, parameters: Parameters) -> Parameters:
        for task in self._move_tasks:
            if task.handle == parameters["TaskHandle"] and task.status == "RUNNING":
                return {"ApproximateNumberOfMessagesMoved": task.cancel()}
        raise SqsError("ResourceNotFoundException", "Task does not exist.")

    def _list_message_move_tasks(self, parameters: Parameters) -> Parameters:
        tasks = [task for task in self._move_tasks if task.source.arn == parameters["SourceArn"]]
        return {"Results": [task.described() for task in tasks[: -parameters.get("MaxResults", 1) - 1 : -1]]}

    def _queue(self, parameters: Parameters) -> SimulatedQueue:
        queue = self.queues.get(parameters["QueueUrl"].rpartition("/")[2])
        if queue is None:
            raise no_such_queue()
        return queue

    def _by_arn(self, arn: str) -> SimulatedQueue | None:
        queue = self.queues.get(arn.rpartition(":")[2])
        return queue if queue is not None and queue.arn == arn else None

    def _check_redrive(self, settings: QueueSettings) -> None:
        redrive = settings.redrive
        if redrive is None:
            return
        policy, target = settings.attributes["RedrivePolicy"], self._by_arn(redrive.target_arn)
        if target is None:
            raise invalid_value(policy, "RedrivePolicy", "Dead letter target does not exist.")
        if target.settings.is_fifo is not settings.is_fifo:
            raise invalid_value(
                policy, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source."
            )


def _same(existing: SimulatedQueue, settings: QueueSettings) -> SimulatedQueue:
    shown = existing.settings.shown()
    for name, value in settings.attributes.items():
        if shown.get(name) != value:
            raise SqsError(
                "QueueAlreadyExists",
                f"A queue already exists with the same name and a different value for attribute {name}",
            )
    return existing


def _content(parameters: Parameters) -> Content:
    return Content(parameters["MessageBody"], read_attributes(parameters.get("MessageAttributes", {})))


def _size(entry: Parameters) -> int:
    try:
        return _content(entry).size
    except SqsError:
        return 0  # this entry's own failure


def _send(queue: SimulatedQueue, parameters: Parameters, content: Content) -> Parameters:
    trace_header = parameters.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {})
    message = queue.accept(
        content,
        group=parameters.get("MessageGroupId"),
        deduplication_id=parameters.get("MessageDeduplicationId"),
        delay=timedelta(seconds=parameters["DelaySeconds"]) if "DelaySeconds" in parameters else None,
        trace_header=trace_header.get("StringValue"),
    )
    sent = {"MessageId": message.id, "MD5OfMessageBody": content.body_md5}
    if content.attributes:
        sent["MD5OfMessageAttributes"] = attributes_md5(content.attributes)
    if message.sequence_number is not None:
        sent["SequenceNumber"] = message.sequence_number
    return sent


def _visibility(parameters: Parameters) -> timedelta:
    if "VisibilityTimeout" not in parameters:
        raise missing("VisibilityTimeout")
    seconds = parameters["VisibilityTimeout"]
    if not 0 <= seconds <= LONGEST_VISIBILITY_SECONDS:
        raise invalid_value(seconds, "VisibilityTimeout", "Must be between 0 and 43200.")
    return timedelta(seconds=seconds)


def _shown(message: StoredMessage, parameters: Parameters) -> Parameters:
    shown: Parameters = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": message.content.body_md5,
        "Body": message.body,
    }
    names = {*parameters.get("AttributeNames", []), *parameters.get("MessageSystemAttributeNames", [])}
    system = message.system_attributes()
    if chosen := {name: value for name, value in system.items() if name in names or "All" in names}:
        shown["Attributes"] = chosen
    if own := chosen_attributes(message.content.attributes, parameters.get("MessageAttributeNames", [])):
        shown["MessageAttributes"] = {name: attribute.as_sent() for name, attribute in own.items()}
        shown["MD5OfMessageAttributes"] = attributes_md5(own)
    return shown
