"""What SQS refuses, with the codes that boto3 users see."""

from __future__ import annotations

_PREFIX = "AWS.SimpleQueueService."
# Codes whose name in SQS's JSON protocol isn't the code itself, less the prefix above.
_SHAPES = {
    "InvalidParameterValue": "InvalidParameterValueException",
    "MissingParameter": "MissingRequiredParameterException",
    "QueueAlreadyExists": "QueueNameExists",
    f"{_PREFIX}NonExistentQueue": "QueueDoesNotExist",
}


class SqsError(Exception):
    """A request that SQS turns down: `code` is `error.response["Error"]["Code"]` of boto3's `ClientError`."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    @property
    def shape(self) -> str:
        """The name of boto3's exception class, where it has one for this error."""
        return _SHAPES.get(self.code, self.code.removeprefix(_PREFIX))


def invalid_value(value: object, parameter: str, reason: str) -> SqsError:
    """A parameter whose value can't be."""
    return SqsError(
        "InvalidParameterValue", f"Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    )


def missing(parameter: str) -> SqsError:
    """A parameter that has to be there."""
    return SqsError("MissingParameter", f"The request must contain the parameter {parameter}.")


def no_such_queue() -> SqsError:
    return SqsError(f"{_PREFIX}NonExistentQueue", "The specified queue does not exist.")


def refused_batch(code: str, message: str) -> SqsError:
    """A batch that is refused whole."""
    return SqsError(f"{_PREFIX}{code}", message)
