"""The admin API's client: what it sends, and what it makes of trouble."""

from __future__ import annotations

import pytest

from infra.cli.admin import Admin, CannotBeAnswered, NoAnswer, Refused, Unknown, operator
from infra.cli.answers import Overview
from tests.support.admin_documents import Problem
from tests.support.admin_server import TOKEN


@pytest.fixture
def admin(stand):
    pauses = []
    admin = Admin(endpoint=stand.api.endpoint, token=TOKEN, pause=pauses.append)
    return admin, stand.api, pauses


def test_what_is_done_goes_on_record_with_the_user_and_the_machine(admin):
    client, api, _ = admin

    client.get("queues")

    assert api.requests[0].operator == operator()
    assert operator().isascii()
    assert 1 <= len(operator()) <= 100
    assert "@" in operator()


@pytest.mark.parametrize("name", ["a/b", "a b?c=d&e#f", "€", "%2f"])
def test_names_arrive_as_they_are(admin, name):
    client, api, _ = admin

    with pytest.raises(Unknown):
        client.get("replays", name, consumer=name, nothing=None)

    assert api.requests[0].path == ("replays", name)
    assert api.requests[0].query == {"consumer": [name]}


@pytest.mark.parametrize(
    ("status", "error"), [(400, CannotBeAnswered), (404, Unknown), (409, Refused), (500, Refused)]
)
def test_a_problem_is_a_sentence(admin, status, error):
    client, api, _ = admin
    api.plan("GET", Problem(status, "Why it won't."))

    with pytest.raises(error, match=r"^Why it won't\.$"):
        client.get("queues")


def test_where_the_api_is_busy_a_look_is_repeated_when_it_asks_for_it(admin):
    client, api, pauses = admin
    api.plan("GET", Problem(503, "Busy.", Retry_After="2"), Problem(429, "Busy.", Retry_After="60"))

    assert client.get("queues").read(Overview).queues
    assert pauses == [2.0, 5.0]


def test_what_may_not_be_done_twice_is_not_repeated(admin):
    client, api, pauses = admin
    api.plan("POST", Problem(503, "Busy."))

    with pytest.raises(Refused, match="Busy"):
        client.post("queues", "webhooks", "process", body={"batchSize": 1})

    assert pauses == []


def test_what_the_http_api_itself_refuses_is_told_too(admin):
    client, api, pauses = admin
    api.plan("GET", *[(429, "application/json", b'{"message": "Too Many Requests"}')] * 4)

    with pytest.raises(Refused, match="Too Many Requests"):
        client.get("queues")

    assert len(pauses) == 3


def test_a_token_that_is_refused_is_said_and_never_shown(admin):
    _, api, _ = admin
    wrong = Admin(endpoint=api.endpoint, token="another-token")

    with pytest.raises(Refused) as refused:
        wrong.get("queues")

    assert "refuses the token" in str(refused.value)
    assert "another-token" not in f"{refused.value!r} {wrong!r}"


@pytest.mark.parametrize(
    ("status", "content_type", "content", "said"),
    [
        (404, "application/json", b'{"message": "Not Found"}', "is it deployed there"),
        (502, "text/html", b"<html>", "answered 502"),
        (200, "text/html", b"<html>", "isn't JSON"),
        (200, "application/json", b'{"at": 7}', "isn't a Overview"),
    ],
)
def test_an_answer_of_somebody_else_is_told(admin, status, content_type, content, said):
    client, api, _ = admin
    api.plan("GET", (status, content_type, content))

    with pytest.raises(NoAnswer, match=said):
        client.get("queues").read(Overview)


def test_an_api_that_is_not_there_is_told():
    client = Admin(endpoint="http://127.0.0.1:1", token="t")

    with pytest.raises(NoAnswer, match="there is nobody to connect to"):
        client.get("queues")
