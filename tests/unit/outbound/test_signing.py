"""Whether endpoints that use the standard's own library believe our signatures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from headworks.outbound.signing import signature_headers
from headworks.webhooks.schemes import InvalidSecret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_" + base64.b64encode(b"the secret before this one").decode()
BODY = b'{"type": "order.placed"}'
WHOSE = "the endpoint default"


def signed(body: bytes = BODY, *secrets: str, now: datetime | None = None) -> dict[str, str]:
    return signature_headers(
        body, message_id="msg_1", now=now or datetime.now(UTC), secrets=secrets or (SECRET,), whose=WHOSE
    )


def verify(headers: dict[str, str], secret: str = SECRET, body: bytes = BODY) -> None:
    Webhook(secret).verify(body, headers, json_parse=False)


@given(st.text())
def test_the_standards_library_verifies_any_text(text: str) -> None:
    verify(signed(text.encode()), body=text.encode())


@pytest.mark.parametrize("written", [SECRET, SECRET.removeprefix("whsec_"), SECRET + "=="])
def test_a_secret_may_be_written_with_or_without_its_prefix(written: str) -> None:
    verify(signed(BODY, written))


def test_while_rotating_both_the_old_and_the_new_secret_verify() -> None:
    headers = signed(BODY, SECRET, OLD)

    verify(headers, SECRET)
    verify(headers, OLD)
    assert headers["webhook-signature"].count("v1,") == 2


def test_another_secret_or_another_body_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        verify(signed(), OLD)
    with pytest.raises(WebhookVerificationError):
        verify(signed(), body=BODY + b" ")


def test_the_id_is_the_messages_and_the_timestamp_is_now_in_whole_seconds() -> None:
    headers = signed(now=datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC))

    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == "1767225600"


def test_the_time_zone_of_now_does_not_matter() -> None:
    verify(signed(now=datetime.now(timezone(timedelta(hours=9)))))


def test_the_standards_own_example_comes_out() -> None:
    headers = signature_headers(
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        now=datetime.fromtimestamp(1614265330, UTC),
        secrets=[SECRET],
        whose=WHOSE,
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_body_that_is_not_text_is_signed_all_the_same() -> None:
    assert signed(b"\xff\x00")["webhook-signature"] != signed(b"\xfe\x00")["webhook-signature"]


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("not base64 at all!",), (SECRET, "")])
def test_a_secret_that_cannot_sign_is_an_error_that_names_its_owner_and_not_the_secret(
    secrets: tuple[str, ...],
) -> None:
    with pytest.raises(InvalidSecret, match=WHOSE) as invalid:
        signature_headers(BODY, message_id="msg_1", now=datetime.now(UTC), secrets=secrets, whose=WHOSE)

    assert not any(secret in str(invalid.value) for secret in secrets if secret)
