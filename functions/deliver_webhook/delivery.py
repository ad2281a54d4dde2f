"""Delivering a webhook: posted to its endpoint as it came, signed by us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from headworks import Fault, Reject, Retry
from headworks.errors import excerpt
from headworks.outbound.errors import OutboundError, RequestRefused
from headworks.outbound.forwarding import forwardable
from headworks.outbound.retry_after import retry_after
from headworks.outbound.signing import signature_headers
from headworks.outbound.user_agent import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from headworks import Context, Message, RetryPolicy
    from headworks.clock import Clock
    from headworks.outbound.client import Answer
    from headworks.outbound.endpoints import Endpoint
    from pipeline.payloads import WebhookDelivery

METHODS = ("POST", "PUT", "PATCH")
# Statuses under 500 that a later attempt may change: Request Timeout, Too Early, Too Many Requests.
_TRY_AGAIN = (408, 425, 429)


class Client(Protocol):
    """What sends a request and brings its answer; see `headworks.outbound.client.GuardedClient`."""

    def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        timeout: timedelta,
        response_limit_bytes: int,
    ) -> Answer:
        """Raises `OutboundError` where no answer came."""


def deliver(
    message: Message[WebhookDelivery],
    context: Context,
    *,
    endpoint_of: Callable[[str], Endpoint | None],
    url_of: Callable[[Endpoint], str | None],
    secrets_of: Callable[[Endpoint], Sequence[str]],
    client: Client,
    policy: RetryPolicy,
    clock: Clock,
) -> None:
    """Post a webhook to its endpoint; return only if the endpoint accepted it.

    Raises `Retry` when the endpoint is busy, down or out of reach, `Reject` when it
    answers anything else, or must not be posted to.
    """
    endpoint = endpoint_of(message.data.endpoint)
    if endpoint is None:
        raise Reject(f"no endpoint is called {excerpt(message.data.endpoint)}")
    url = url_of(endpoint)
    if url is None:
        raise Retry(
            f"the endpoint {endpoint.name} has no URL: deploy with `-c {endpoint.context_key}=https://...`, "
            "or declare it in pipeline/endpoints.py"
        )
    headers = _headers(message, endpoint, secrets_of(endpoint), clock.now())
    answer = _post(message.data, headers, endpoint, url, client)
    if answer.is_success:
        return
    why = f"the endpoint {endpoint.name} answered {answer.status}"
    if answer.status < 500 and answer.status not in _TRY_AGAIN:
        raise Reject(why, fault=Fault.ENDPOINT)
    wait = _wait(answer, policy, attempt=context.attempt, now=clock.now())
    raise Retry(why, after=wait, fault=Fault.ENDPOINT)


def _post(
    webhook: WebhookDelivery, headers: Mapping[str, str], endpoint: Endpoint, url: str, client: Client
) -> Answer:
    if webhook.method not in METHODS:
        raise Reject(f"{excerpt(webhook.method)} isn't a delivery's method: {', '.join(METHODS)} are")
    try:
        return client.send(
            webhook.method,
            url,
            body=webhook.body,
            headers=headers,
            timeout=endpoint.timeout,
            response_limit_bytes=endpoint.response_limit_bytes,
        )
    except RequestRefused as error:
        raise Reject(
            f"the endpoint {endpoint.name} can't be posted to: {error}", fault=error.fault
        ) from error
    except OutboundError as error:
        raise Retry(f"the endpoint {endpoint.name} is out of reach: {error}", fault=error.fault) from error


def _headers(
    message: Message[WebhookDelivery], endpoint: Endpoint, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    whose = f"the endpoint {endpoint.name}"
    trace = {"traceparent": message.traceparent} if message.traceparent else {}
    return {
        **forwardable(message.data.headers),
        **trace,
        "user-agent": USER_AGENT,
        **signature_headers(message.data.body, message_id=message.id, now=now, secrets=secrets, whose=whose),
    }


def _wait(answer: Answer, policy: RetryPolicy, *, attempt: int, now: datetime) -> timedelta | None:
    """The wait that the endpoint asks for, never under the policy's own.

    Otherwise an endpoint that keeps saying "in a second" would use all attempts up within seconds.
    """
    asked = retry_after(answer.headers.get("retry-after"), now=now)
    return None if asked is None else max(asked, policy.delay_after(attempt))
