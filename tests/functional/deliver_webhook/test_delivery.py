"""What an endpoint gets, and what its answer means for the message."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest
from standardwebhooks import Webhook

from headworks import Fault, Reject, Retry
from headworks.errors import Unavailable
from headworks.outbound.endpoints import Endpoint
from headworks.outbound.errors import AddressRefused, ConnectionFailed, RequestRefused, TimedOut
from headworks.outbound.user_agent import USER_AGENT
from headworks.webhooks.schemes import InvalidSecret
from pipeline import TOPOLOGY
from pipeline.payloads import WebhookDelivery
from tests.functional.deliver_webhook.conftest import DEFAULT, SECRET, URL, answered

OLD_SECRET = "whsec_dGhlIHNlY3JldCBiZWZvcmUgdGhpcyBvbmU="
BUSY = [408, 425, 429, 500, 502, 503, 504, 599]
REFUSING = [100, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 451, 499]


def test_an_endpoint_gets_the_body_as_it_came(stand):
    body = bytes(range(256))

    stand.deliver(WebhookDelivery(endpoint="default", body=body, method="PUT"))

    assert (stand.sent["method"], stand.sent["url"], stand.sent["body"]) == ("PUT", URL, body)


def test_an_exchange_has_the_endpoints_limits(stand, webhook):
    stand.deliver(webhook)

    assert stand.sent["timeout"] == DEFAULT.timeout
    assert stand.sent["response_limit_bytes"] == DEFAULT.response_limit_bytes


def test_the_headers_are_the_forwarded_ones_and_ours(stand, webhook):
    stand.deliver(webhook, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

    headers = stand.sent["headers"]
    assert {name: headers[name] for name in headers if not name.startswith("webhook-")} == {
        "content-type": "application/json",
        "stripe-signature": "t=1,v1=theirs",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "user-agent": USER_AGENT,
    }


def test_senders_cannot_choose_our_headers_or_pass_credentials_on(stand):
    theirs = {
        "Webhook-Id": "theirs",
        "webhook-signature": "theirs",
        "Traceparent": "theirs",
        "User-Agent": "theirs",
        "Authorization": "theirs",
        "Cookie": "theirs",
        "Host": "theirs",
        "Content-Length": "0",
        "Transfer-Encoding": "chunked",
    }

    stand.deliver(WebhookDelivery(endpoint="default", body=b"{}", headers=theirs))

    headers = stand.sent["headers"]
    assert "theirs" not in headers.values()
    assert set(headers) == {"user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"}


@pytest.mark.parametrize("body", [b'{"id": "evt_1"}', b"", "é\u20ac\n".encode()])
def test_the_standards_library_verifies_a_delivery(stand, body):
    stand.deliver(WebhookDelivery(endpoint="default", body=body))

    Webhook(SECRET).verify(stand.sent["body"], stand.sent["headers"], json_parse=False)


def test_while_a_secret_rotates_both_verify(stand, webhook):
    stand.secrets.strings["default"] = json.dumps([SECRET, OLD_SECRET])

    stand.deliver(webhook)

    Webhook(SECRET).verify(stand.sent["body"], stand.sent["headers"])
    Webhook(OLD_SECRET).verify(stand.sent["body"], stand.sent["headers"])


def test_every_attempt_has_the_messages_id_and_a_time_of_its_own(stand, webhook):
    stand.deliver(webhook)
    stand.clock.advance(timedelta(seconds=30))
    stand.deliver(webhook, attempt=2)

    first, second = (sent["headers"] for sent in stand.client.sent)
    assert first["webhook-id"] == second["webhook-id"] == "msg_1"
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 30
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(stand, webhook, status):
    stand.client.answer = status

    stand.deliver(webhook)


@pytest.mark.parametrize("status", BUSY)
def test_a_busy_or_broken_endpoint_is_tried_again(stand, webhook, status):
    stand.client.answer = status

    with pytest.raises(Retry, match=f"^the endpoint default answered {status}$") as retry:
        stand.deliver(webhook)

    assert retry.value.after is None


@pytest.mark.parametrize("status", REFUSING)
def test_any_other_answer_is_final(stand, webhook, status):
    stand.client.answer = status

    with pytest.raises(Reject, match=f"^the endpoint default answered {status}$"):
        stand.deliver(webhook)


@pytest.mark.parametrize("status", BUSY)
def test_a_busy_endpoint_says_when_to_come_back(stand, webhook, status):
    stand.client.answer = answered(status, retry_after="120")

    with pytest.raises(Retry) as retry:
        stand.deliver(webhook)

    assert retry.value.after == timedelta(seconds=120)


def test_an_endpoint_cannot_ask_to_be_hurried(stand, webhook):
    stand.client.answer = answered(503, retry_after="0")

    with pytest.raises(Retry) as retry:
        stand.deliver(webhook, attempt=4)

    assert timedelta(minutes=2) <= retry.value.after <= timedelta(minutes=2) * 1.2


def test_a_wait_that_makes_no_sense_leaves_the_choice_to_the_policy(stand, webhook):
    stand.client.answer = answered(503, retry_after="soon")

    with pytest.raises(Retry) as retry:
        stand.deliver(webhook)

    assert retry.value.after is None


@pytest.mark.parametrize(
    "error", [TimedOut("https://hooks.example gave no answer"), ConnectionFailed("reset")]
)
def test_an_endpoint_out_of_reach_is_tried_again(stand, webhook, error):
    stand.client.answer = error

    with pytest.raises(Retry, match=f"the endpoint default is out of reach: {error}"):
        stand.deliver(webhook)


@pytest.mark.parametrize("error", [AddressRefused("10.0.0.1 is private"), RequestRefused("a header")])
def test_what_must_not_be_sent_is_final(stand, webhook, error):
    stand.client.answer = error

    with pytest.raises(Reject, match=f"the endpoint default can't be posted to: {error}"):
        stand.deliver(webhook)


def test_an_unknown_endpoint_is_final(stand, webhook):
    with pytest.raises(Reject, match="no endpoint is called 'nobody'"):
        stand.deliver(msgspec.structs.replace(webhook, endpoint="nobody"))

    assert stand.client.sent == []


@pytest.mark.parametrize("method", ["GET", "DELETE", "CONNECT", "post", "", "POST /\r\n"])
def test_a_method_that_is_none_of_a_delivery_is_final(stand, webhook, method):
    with pytest.raises(Reject, match="isn't a delivery's method: POST, PUT, PATCH are"):
        stand.deliver(msgspec.structs.replace(webhook, method=method))

    assert stand.client.sent == []


def test_an_endpoint_without_a_url_waits_for_one_and_says_how_to_give_it(stand, webhook):
    stand.endpoints["default"] = Endpoint(name="default")

    with pytest.raises(Retry, match=r"has no URL: deploy with `-c endpoint\.default=https://"):
        stand.deliver(webhook)

    assert stand.client.sent == []


def test_without_the_secret_store_nothing_is_sent_and_no_attempt_is_used(stand, webhook):
    stand.secrets.down = True

    with pytest.raises(Unavailable):
        stand.deliver(webhook)

    assert stand.client.sent == []


def test_a_secret_that_cannot_sign_is_named_and_nothing_is_sent(stand, webhook):
    stand.secrets.strings["default"] = "TOKEN: not base64"

    with pytest.raises(InvalidSecret, match="the endpoint default") as invalid:
        stand.deliver(webhook)

    assert "TOKEN" not in str(invalid.value)
    assert stand.client.sent == []


@pytest.mark.parametrize("answer", [500, 429, 404, 302, TimedOut("no answer"), ConnectionFailed("reset")])
def test_an_endpoint_that_answers_badly_or_not_at_all_is_at_fault(stand, webhook, answer):
    stand.client.answer = answer

    with pytest.raises((Retry, Reject)) as ended:
        stand.deliver(webhook)

    assert ended.value.fault is Fault.ENDPOINT


def test_what_we_must_not_or_cannot_send_is_the_pipelines_own_fault(stand, webhook):
    stand.client.answer = AddressRefused("10.0.0.1 is private")
    with pytest.raises(Reject) as refused:
        stand.deliver(webhook)
    stand.endpoints["default"] = Endpoint(name="default")
    with pytest.raises(Retry) as without_url:
        stand.deliver(webhook)

    assert {refused.value.fault, without_url.value.fault} == {Fault.PIPELINE}


@pytest.mark.parametrize("status", [*BUSY, *REFUSING])
def test_no_outcome_tells_the_path_the_query_or_the_secret(stand, webhook, status):
    stand.client.answer = status

    with pytest.raises((Retry, Reject)) as ended:
        stand.deliver(webhook)

    assert "TOKEN" not in str(ended.value)
    assert "whsec" not in str(ended.value)


def test_every_declared_exchange_fits_into_the_time_of_its_queue():
    for route in TOPOLOGY.routes:
        if route.endpoint is not None:
            assert TOPOLOGY.endpoint(route.endpoint).timeout < TOPOLOGY.queue(route.queue).timeout
