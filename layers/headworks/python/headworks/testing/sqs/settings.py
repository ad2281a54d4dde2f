"""A queue's attributes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from headworks.testing.sqs.errors import SqsError, invalid_value

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_MESSAGE = 1024 * 1024
MOST_RECEIVES = 1000
# Name: its default, least and most (SetQueueAttributes).
_NUMBERS = {
    "VisibilityTimeout": (30, 0, 43_200),
    "MaximumMessageSize": (LARGEST_MESSAGE, 1024, LARGEST_MESSAGE),
    "MessageRetentionPeriod": (345_600, 60, 1_209_600),
    "DelaySeconds": (0, 0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 0, 20),
}
_FIFO_CHOICES = {
    "ContentBasedDeduplication": ("false", "true"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
# Kept and shown; nothing here acts on them.
_UNUSED = (
    "Policy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
)


@dataclass(frozen=True, slots=True)
class Redrive:
    """After how many receives a message is moved, and to which queue."""

    target_arn: str
    max_receive_count: int


@dataclass(frozen=True)
class QueueSettings:
    """A queue's attributes, by their AWS names; refuses what SQS refuses."""

    is_fifo: bool
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.attributes.items():
            self._check(name, value)

    def changed(self, attributes: Mapping[str, str]) -> QueueSettings:
        """These, with some of them changed; an empty policy is none.  Raises `SqsError`."""
        both = {**self.attributes, **attributes}
        return QueueSettings(self.is_fifo, {name: value for name, value in both.items() if value != ""})

    def shown(self) -> dict[str, str]:
        """All of them, with the defaults of those that weren't given."""
        defaults = {name: str(default) for name, (default, _, _) in _NUMBERS.items()}
        if self.is_fifo:
            defaults |= {"FifoQueue": "true", **{name: choices[0] for name, choices in _FIFO_CHOICES.items()}}
        return {**defaults, "SqsManagedSseEnabled": "true", **self.attributes}

    @cached_property
    def visibility_timeout(self) -> timedelta:
        return self._seconds("VisibilityTimeout")

    @cached_property
    def retention(self) -> timedelta:
        return self._seconds("MessageRetentionPeriod")

    @cached_property
    def delay(self) -> timedelta:
        return self._seconds("DelaySeconds")

    @cached_property
    def wait(self) -> timedelta:
        """How long a receive polls that doesn't say."""
        return self._seconds("ReceiveMessageWaitTimeSeconds")

    @cached_property
    def largest_message(self) -> int:
        return self._number("MaximumMessageSize")

    @cached_property
    def deduplicates_content(self) -> bool:
        return self.attributes.get("ContentBasedDeduplication") == "true"

    @cached_property
    def deduplicates_by_group(self) -> bool:
        return self.attributes.get("DeduplicationScope") == "messageGroup"

    @cached_property
    def redrive(self) -> Redrive | None:
        policy = self.attributes.get("RedrivePolicy")
        return _read_redrive(policy) if policy else None

    def _check(self, name: str, value: str) -> None:
        if name in _NUMBERS:
            _, least, most = _NUMBERS[name]
            if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
                raise _invalid(name)
        elif name == "RedrivePolicy":
            _read_redrive(value)
        elif name == "FifoQueue" and not self.is_fifo:
            raise _invalid(name)
        elif name in _FIFO_CHOICES and self.is_fifo:
            if value not in _FIFO_CHOICES[name]:
                raise _invalid(name)
        elif name != "FifoQueue" and name not in _UNUSED:
            raise SqsError("InvalidAttributeName", f"Unknown Attribute {name}.")

    def _number(self, name: str) -> int:
        return int(self.attributes.get(name, _NUMBERS[name][0]))

    def _seconds(self, name: str) -> timedelta:
        return timedelta(seconds=self._number(name))


def _read_redrive(policy: str) -> Redrive:
    try:
        read = json.loads(policy)
        redrive = Redrive(str(read["deadLetterTargetArn"]), int(read["maxReceiveCount"]))
    except (ValueError, TypeError, KeyError) as error:
        raise invalid_value(policy, "RedrivePolicy", "Redrive policy is not a valid JSON map.") from error
    if not 1 <= redrive.max_receive_count <= MOST_RECEIVES:
        raise invalid_value(
            policy,
            "RedrivePolicy",
            f"Invalid value for maxReceiveCount: {redrive.max_receive_count}, valid values are from 1 to "
            f"{MOST_RECEIVES} both inclusive.",
        )
    return redrive


def _invalid(name: str) -> SqsError:
    return SqsError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
