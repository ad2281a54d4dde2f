"""Processing on demand: the queue's own consumer function, given a batch by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from headworks.errors import Unavailable
from headworks.operations.control import Fate, Processed
from headworks.operations.directory import place_of
from headworks.operations.taking import Hand
from headworks.telemetry import Action
from headworks.upkeep import by_hand

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient

    from headworks.ledger.catalogue import Address
    from headworks.operations.directory import Directory
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.topology import Topology

# An operator's request is answered within 29 s, whatever the function that was started still does.
LONGEST_WAIT = timedelta(seconds=22)
# To receive before it, and to delete after it.
MARGIN = timedelta(seconds=3)
SHORTEST_WAIT = timedelta(seconds=1)
# An answer that says nothing of any message.
_UNREADABLE = "failed"


class DeployedOnDemand:
    """Receives, invokes and deletes what the function's answer leaves out, as Lambda's own mapping does.

    What travels over Redis its drain takes itself, and tells what became of it; where nothing is
    there, what was sent over SQS before is processed.
    `invoking` gives a Lambda client that waits so many seconds for an answer, and asks once.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        sqs: SQSClient,
        invoking: Callable[[int], Any],
        directory: Directory,
        log: Log,
    ) -> None:
        self._topology = topology
        self._sqs = sqs
        self._invoking = invoking
        self._directory = directory
        self._log = log

    def process(self, address: Address, *, batch_size: int, remaining: Callable[[], timedelta]) -> Processed:
        queue = next(queue for queue in self._topology.queues if queue.name == address.queue)
        place = place_of(self._directory, address)
        if place.drain:
            processed = self._drained(place.drain, batch_size, remaining)
            if processed.fates or processed.unfinished:
                return processed
        hand = Hand(self._sqs, place)
        records = self._received(hand, queue, batch_size, remaining)
        if not records:
            return Processed(fates={})
        try:
            answer = self._invoke(place.function, {"Records": records}, remaining() - MARGIN)
        except _StillRunning:
            return Processed(fates=dict.fromkeys(_ids(records), Fate.UNKNOWN), unfinished=True)
        except Unavailable:
            hand.give_back(records)
            raise
        failed = failed_ids(answer, _ids(records))
        hand.delete(record for record in records if record["messageId"] not in failed)
        return _fates(_ids(records), failed)

    def _drained(self, function: str, most: int, remaining: Callable[[], timedelta]) -> Processed:
        """What a drain takes and tells.  Raises `Unavailable`, also where it fails: nobody knows then what it took."""
        try:
            answer = self._invoke(function, by_hand(most), remaining() - MARGIN)
        except _StillRunning:
            return Processed(fates={}, unfinished=True)
        if not isinstance(answer, dict) or not isinstance(taken := answer.get("taken"), list):
            raise Unavailable(_name_of(function), "it failed; its log says why")
        return _fates(taken, failed_ids(answer, taken))

    def _received(
        self, hand: Hand, queue: Queue, batch_size: int, remaining: Callable[[], timedelta]
    ) -> list[dict[str, Any]]:
        """As many as were asked for, and never more than the function has been given time for."""
        most = min(batch_size, queue.batch_size)
        records = hand.receive(most)
        while 0 < len(records) < most and remaining() > LONGEST_WAIT / 2:
            received = hand.receive(most - len(records))
            if not received:
                break
            records += received
        return records

    def _invoke(self, function: str, event: Mapping[str, object], wait: timedelta) -> object:
        """The function's answer, or nothing where it failed.  Raises `Unavailable`, `_StillRunning`."""
        seconds = max(min(wait, LONGEST_WAIT), SHORTEST_WAIT).total_seconds()
        try:
            answer = self._invoking(int(seconds)).invoke(
                FunctionName=function,
                InvocationType="RequestResponse",
                Payload=msgspec.json.encode(event),
            )
        except ReadTimeoutError as error:
            raise _StillRunning from error
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(_name_of(function), error) from error
        payload = answer["Payload"].read()
        if "FunctionError" in answer:
            self._log(Action.TROUBLE, what="a function that processed on demand failed", function=function)
            return _UNREADABLE
        try:
            return msgspec.json.decode(payload) if payload else None
        except msgspec.DecodeError:
            return _UNREADABLE


class _StillRunning(Exception):
    """The function takes longer than anybody waits."""


def failed_ids(answer: object, ids: Sequence[str]) -> frozenset[str]:
    """The messages that an answer reports as failed, as Lambda reads it ("Handling errors for an SQS event source").

    Nothing is success; what can't be read, or names another message, is the failure of them all.
    """
    if answer in (None, "", {}, []):
        return frozenset()
    failures = answer.get("batchItemFailures") or [] if isinstance(answer, dict) else None
    if not isinstance(failures, list):
        return frozenset(ids)
    named = {str(each.get("itemIdentifier")) if isinstance(each, dict) else "" for each in failures}
    return frozenset(named) if named <= set(ids) else frozenset(ids)


def _fates(ids: Sequence[str], failed: Collection[str]) -> Processed:
    return Processed(fates={each: Fate.FAILED if each in failed else Fate.DONE for each in ids})


def _name_of(function: str) -> str:
    return f"the function {function.rpartition(':')[2]}"


def _ids(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [record["messageId"] for record in records]
