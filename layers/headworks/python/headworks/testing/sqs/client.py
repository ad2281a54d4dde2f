"""A real boto3-style client whose calls end in this process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from headworks.testing.sqs.errors import SqsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.session import Session
    from mypy_boto3_sqs import SQSClient

    from headworks.testing.sqs.service import SqsService

REGION = "us-east-1"
# Each from neither a configuration file nor the environment, with a default.
_NOTHING_OF_THIS_MACHINE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
_GIVEN = "headworks.testing parameters"


@dataclass(frozen=True, slots=True)
class _Http:
    """What botocore looks at of a response."""

    status_code: int


def sqs_client(service: SqsService, before: Callable[[], None]) -> SQSClient:
    """botocore's own client, which checks parameters and raises errors as it always does.

    `before` runs before each call reaches the service.  What botocore lets one hook into
    a client works here too: a test has calls fail with
    `client.meta.events.register("provide-client-params.sqs.SendMessage", fail)`, and loses
    an answer with `after-call.sqs.SendMessage`.
    """
    client = _new_client()

    def keep_parameters(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_GIVEN] = params

    def answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[_Http, dict[str, Any]]:
        before()
        return _answer(service, model.name, context.pop(_GIVEN))

    client.meta.events.register_last("before-parameter-build.sqs.*", keep_parameters)
    client.meta.events.register_first("before-call.sqs.*", answer)
    typed: SQSClient = client
    return typed


def _answer(service: SqsService, operation: str, parameters: dict[str, Any]) -> tuple[_Http, dict[str, Any]]:
    try:
        return _response(HTTPStatus.OK, service.call(operation, parameters))
    except SqsError as error:
        described = {
            "Message": error.message,
            "Code": error.code,
            "QueryErrorCode": error.shape,
            "Type": "Sender",
        }
        return _response(error.status, {"Error": described, "message": error.message})


def _new_client() -> Any:
    # Here, so that a simulation without a client needs no botocore.
    from botocore.config import Config

    return _session().create_client(
        "sqs",
        region_name=REGION,
        endpoint_url=f"https://sqs.{REGION}.amazonaws.com",
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",  # noqa: S106 - nobody's
        config=Config(proxies={}, user_agent="headworks.testing"),
    )


@cache
def _session() -> Session:
    """What makes clients: for the whole process, since it reads long files."""
    from botocore.session import Session

    return Session(session_vars=_NOTHING_OF_THIS_MACHINE)


def _response(status: int, parsed: dict[str, Any]) -> tuple[_Http, dict[str, Any]]:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    return _Http(status), {**parsed, "ResponseMetadata": metadata}
