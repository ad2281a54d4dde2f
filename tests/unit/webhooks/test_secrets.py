"""Secrets come from the store, are believed for five minutes, and show up nowhere else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from headworks.errors import Unavailable
from headworks.testing.secrets import MemorySecrets
from headworks.webhooks.schemes import InvalidSecret
from headworks.webhooks.secrets import FRESH_FOR, PAUSE_AFTER_TROUBLE, SecretsManager, read_secret

SECOND = timedelta(seconds=1)


class Store:
    """Secrets Manager's one call that matters, counted."""

    def __init__(self, value):
        self.value = value
        self.calls = 0

    def get_secret_value(self, *, SecretId):  # noqa: N803 - boto3's name
        self.calls += 1
        if isinstance(self.value, Exception):
            raise self.value
        return {"Name": SecretId, "SecretString": self.value}


def refusal(code):
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetSecretValue")


NO_ANSWER = EndpointConnectionError(endpoint_url="https://secretsmanager")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("whsec_abc", ("whsec_abc",)),
        ("whsec_abc\n", ("whsec_abc",)),
        ('["new", "old"]', ("new", "old")),
        ("[begins like JSON", ("[begins like JSON",)),
        ("{begins like JSON", ("{begins like JSON",)),
        ("It's a Secret to Everybody", ("It's a Secret to Everybody",)),
    ],
)
def test_a_secret_is_a_string_or_an_array_of_strings(text, values):
    assert read_secret("name", text) == values


@pytest.mark.parametrize(
    "text", ["", "  \n", "[]", '[""]', '["good", " "]', '["good", 7]', '[["good"]]', '{"secret": "good"}']
)
def test_what_is_no_secret_is_refused_by_name_and_not_shown(text):
    with pytest.raises(InvalidSecret, match="the secret stripe-signing") as refused:
        read_secret("stripe-signing", text)

    assert "good" not in str(refused.value)


def test_the_store_is_asked_once_in_five_minutes(clock):
    store = Store("old")
    secrets = SecretsManager(store, clock=clock)
    secrets.get("name")
    store.value = "new"

    clock.advance(FRESH_FOR - SECOND)
    assert secrets.get("name") == ("old",)
    clock.advance(SECOND)
    assert secrets.get("name") == ("new",)
    assert store.calls == 2


def test_five_minutes_is_all_that_a_rotation_takes():
    assert timedelta(minutes=5) >= FRESH_FOR


@pytest.mark.parametrize(
    "trouble", [NO_ANSWER, refusal("ThrottlingException"), refusal("AccessDeniedException")]
)
def test_a_store_that_never_answered_makes_secrets_unavailable(clock, trouble):
    with pytest.raises(Unavailable):
        SecretsManager(Store(trouble), clock=clock).get("name")


@pytest.mark.parametrize(
    "trouble", [NO_ANSWER, refusal("ThrottlingException"), refusal("AccessDeniedException")]
)
def test_a_value_known_before_outlives_the_stores_trouble(clock, trouble):
    store = Store("known")
    secrets = SecretsManager(store, clock=clock)
    secrets.get("name")
    store.value = trouble

    clock.advance(timedelta(days=1))

    assert secrets.get("name") == ("known",)


def test_a_store_in_trouble_is_not_asked_again_at_once_and_believed_as_soon_as_it_answers(clock):
    store = Store("known")
    secrets = SecretsManager(store, clock=clock)
    secrets.get("name")
    store.value = NO_ANSWER
    clock.advance(FRESH_FOR)
    secrets.get("name")
    store.value = "new"

    assert secrets.get("name") == ("known",)
    clock.advance(PAUSE_AFTER_TROUBLE)
    assert secrets.get("name") == ("new",)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRequestException"])
def test_a_secret_that_is_gone_is_not_served_any_longer(clock, code):
    store = Store("known")
    secrets = SecretsManager(store, clock=clock)
    secrets.get("name")
    store.value = refusal(code)
    clock.advance(FRESH_FOR)

    with pytest.raises(Unavailable):
        secrets.get("name")
    store.value = NO_ANSWER
    with pytest.raises(Unavailable):
        secrets.get("name")


def test_an_empty_value_is_refused_although_a_good_one_was_known(clock):
    store = Store("known")
    secrets = SecretsManager(store, clock=clock)
    secrets.get("name")
    store.value = ""
    clock.advance(FRESH_FOR)

    with pytest.raises(InvalidSecret):
        secrets.get("name")


def test_threads_share_one_question(clock):
    store = Store("value")
    secrets = SecretsManager(store, clock=clock)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(secrets.get, ["name"] * 50))

    assert set(answers) == {("value",)}
    assert store.calls == 1


def test_no_secret_shows_in_a_representation(clock):
    secrets = SecretsManager(Store("hush"), clock=clock)
    secrets.get("name")

    assert "hush" not in repr(secrets)
    assert "hush" not in repr(vars(secrets))
    assert "hush" not in repr(MemorySecrets({"name": "hush"}))


def test_secrets_manager_itself_is_understood(aws, clock):
    client = aws("secretsmanager")
    client.create_secret(Name="stripe", SecretString='["new", "old"]')
    client.create_secret(Name="valueless")
    client.create_secret(Name="binary", SecretBinary=b"bytes")
    secrets = SecretsManager(client, clock=clock)

    assert secrets.get("stripe") == ("new", "old")
    for name in ("valueless", "unheard-of"):
        with pytest.raises(Unavailable, match=name):
            secrets.get(name)
    with pytest.raises(InvalidSecret):
        secrets.get("binary")


def test_the_fake_reads_strings_as_the_store_does():
    secrets = MemorySecrets({"a": '["new", "old"]', "empty": ""})

    assert secrets.get("a") == ("new", "old")
    with pytest.raises(InvalidSecret):
        secrets.get("empty")
    with pytest.raises(Unavailable):
        secrets.get("unheard-of")
    secrets.down = True
    with pytest.raises(Unavailable):
        secrets.get("a")
