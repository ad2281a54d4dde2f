"""What every request must be, whatever it asks for."""

from __future__ import annotations

import pytest


def test_a_path_that_is_nothing_is_404(stand):
    for path in (
        "/nothing",
        "",
        "/messages/",
        "/queues/orders/messages/a/b/c",
        '/messages"',
        "/messages\u2028",
    ):
        answer = stand.get(path)

        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "HEAD"])
def test_a_method_that_a_path_doesnt_take_is_405_with_those_that_it_takes(stand, method):
    answer = stand.ask(method, "/messages")

    assert (answer.status, answer.headers["allow"]) == (405, "GET")
    assert answer.body["detail"] == f"'/admin/messages' takes GET, not '{method}'."


def test_a_name_in_the_query_that_means_nothing_is_refused(stand):
    answer = stand.get("/messages?stat=running")

    assert answer.status == 400
    assert answer.body["detail"].startswith(
        "'stat' in the query means nothing here: it takes class, consumer,"
    )


def test_what_stood_in_a_request_is_told_to_who_sent_it_and_not_to_the_log(stand):
    refused = [
        stand.get("/messages?limit=hidden"),
        stand.ask("POST", "/queues/orders/process", {"batchSize": "hidden"}),
        stand.ask("POST", "/queues/orders/pause", {"hidden": "hidden"}),
    ]

    assert [answer.status for answer in refused] == [400, 400, 400]
    assert "'hidden'" in refused[0].body["detail"]
    told = [str(fields["error"]) for _, fields in stand.log.lines]
    assert (
        told[0]
        == "limit in the query: input should be a valid integer, unable to parse string as an integer."
    )
    assert "'hidden'" not in " ".join(told)


def test_an_unknown_queue_is_404_by_its_name(stand):
    answer = stand.get("/queues/unheard-of/messages")

    assert (answer.status, answer.body["detail"]) == (404, "No queue is called 'unheard-of'.")


def test_whatever_goes_wrong_here_is_500_and_tells_nothing_of_it(stand, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("our secret")

    monkeypatch.setattr(stand.catalogue, "page", broken)

    answer = stand.get("/messages")

    assert (answer.status, answer.body["detail"]) == (500, "Something went wrong here.")
    [(_, line)] = stand.log.lines
    assert isinstance(line["error"], ZeroDivisionError)


def test_a_store_that_doesnt_answer_is_503(stand):
    for ledger in stand.ledgers.values():
        ledger.down = True

    answer = stand.get("/messages")

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
