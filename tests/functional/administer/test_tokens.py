"""Who may ask: nobody without one of the operators' tokens, and nothing tells what they are."""

from __future__ import annotations

import json

import pytest

from headworks.telemetry import Action
from headworks.webhooks.secrets import FRESH_FOR, SecretsManager
from tests.functional.administer.conftest import TOKENS
from tests.support.declarations import SECOND

PATHS = ("/queues/orders/messages", "/openapi.json", "/nothing")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer undefined",
        "Bearer null",
        f"Bearer {TOKENS[0][:-1]}",
        f"Bearer {TOKENS[0]}x",
        "Bearer t\u00f6ken-\u00f6f-n\u00f6w",
        "Bearer \udc80",
        f"Basic {TOKENS[0]}",
        TOKENS[0],
        f"Bearer {json.dumps(TOKENS)}",
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_without_a_valid_token_everything_is_401_and_nothing_is_told(stand, authorization, path):
    answer = stand.get(path, authorization=authorization)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert not [token for token in TOKENS if token in json.dumps(answer.body)]


@pytest.mark.parametrize("token", TOKENS)
def test_while_rotating_both_tokens_are_valid(stand, token):
    assert stand.get("/messages", authorization=f"Bearer {token}").status == 200


def test_after_a_rotation_the_old_token_is_valid_for_five_minutes_at_most(stand, aws, clock):
    store = aws("secretsmanager")
    store.create_secret(Name="admins", SecretString="old")
    stand.secrets = SecretsManager(store, clock=clock)
    assert stand.get("/messages", authorization="Bearer old").status == 200

    store.put_secret_value(SecretId="admins", SecretString="new")
    clock.advance(FRESH_FOR)

    assert stand.get("/messages", authorization="Bearer old").status == 401
    assert stand.get("/messages", authorization="Bearer new").status == 200


def test_a_token_is_checked_before_a_body_is_looked_at(stand):
    assert stand.ask("POST", "/nothing", b"x" * 5_000_000, authorization="Bearer wrong").status == 401


def test_while_no_token_is_known_it_is_503_and_when_to_ask_again(stand):
    stand.secrets.down = True

    answer = stand.get("/messages")

    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"


def test_no_line_of_the_log_holds_a_token_a_header_or_a_query_string(stand):
    stand.get("/messages", authorization="Bearer guessed-token")
    stand.get("/nothing?key=secret-key", x_more="secret-header")
    stand.secrets.down = True
    stand.clock.advance(SECOND)
    stand.get("/messages")

    assert stand.log.actions == [Action.REFUSED] * 3
    told = repr(stand.log.lines)
    assert not [word for word in (*TOKENS, "guessed-token", "secret-key", "secret-header") if word in told]
