"""Who logs in to ElastiCache by IAM sends a token that this process signed."""

from __future__ import annotations

import gc
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.session import Session

from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.iam import tokens
from headworks.errors import InvalidDeclaration


@pytest.fixture(autouse=True)
def _somebody(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "EXAMPLEKEY")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-role")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def test_a_token_is_a_signed_request_to_connect_without_a_scheme():
    user, token = tokens(cache="Headworks", user="ada")()

    name, _, query = token.partition("/?")
    asked = {key: value for key, [value] in parse_qs(query).items()}
    assert (user, name) == ("ada", "headworks")
    assert (asked["Action"], asked["User"], asked["ResourceType"]) == ("connect", "ada", "ServerlessCache")
    assert (asked["X-Amz-Expires"], asked["X-Amz-Security-Token"]) == ("900", "of-a-role")
    assert asked["X-Amz-Credential"].split("/", 2)[0] == "AKIDEXAMPLE"
    assert asked["X-Amz-Credential"].endswith("/eu-west-1/elasticache/aws4_request")
    assert len(asked["X-Amz-Signature"]) == 64


def test_each_connection_signs_with_what_the_process_has_by_then():
    session = Session()
    session.set_credentials("FIRST", "secret")
    sign = tokens(cache="headworks", user="ada", session=session)

    session.get_credentials().access_key = "SECOND"

    assert "Credential=SECOND" in sign()[1]


def test_a_connection_of_later_is_signed_for_too():
    sign = tokens(cache="headworks", user="ada")

    # Nobody else has the session that it came of.
    gc.collect()

    assert sign()[0] == "ada"


def test_a_url_with_a_cache_logs_in_by_iam():
    address = address_of("rediss://headworks@cache.example:6379?cache=orders")

    greeting = address.greeting().decode()
    assert address.node == ("cache.example", 6379)
    assert "AUTH" in greeting
    assert "headworks" in greeting
    assert "orders/?Action=connect&User=headworks" in greeting


@pytest.mark.parametrize(
    "url",
    ["redis://ada@x?cache=orders", "rediss://x?cache=orders", "rediss://ada:secret@x?cache=orders"],
)
def test_iam_takes_tls_a_user_and_no_password(url):
    with pytest.raises(InvalidDeclaration, match="takes TLS, a user and no password") as refused:
        address_of(url)

    assert "secret" not in str(refused.value)


def test_without_a_region_nothing_is_signed(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(InvalidDeclaration, match="takes AWS credentials and a region"):
        tokens(cache="orders", user="ada")


def test_a_token_fits_the_url_that_it_is_signed_for():
    _, token = tokens(cache="orders", user="ada")()

    assert urlsplit(f"https://{token}").hostname == "orders"
