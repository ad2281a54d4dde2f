"""HTTP API events become requests, and whatever happens becomes an answer."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus

import pytest

from headworks.errors import Unavailable
from headworks.http_api import (
    BODY_LIMIT_BYTES,
    Problem,
    Request,
    Response,
    read_request,
    require_bearer,
    serve,
    unavailable,
)
from headworks.telemetry import Action

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def encoded(body):
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def answer_of(respond, log, event=None):
    answer = serve(respond, log=log)(event or {}, None)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def raising(error):
    def respond(request):
        raise error

    return respond


def test_a_text_body_becomes_the_bytes_that_were_sent():
    assert read_request({"body": '{"a": "€"}', "isBase64Encoded": False}).body == '{"a": "€"}'.encode()


def test_a_base64_body_becomes_the_bytes_that_were_sent():
    assert read_request(encoded(b"payload=%7B%7D\xff")).body == b"payload=%7B%7D\xff"


@pytest.mark.parametrize("event", [{}, {"body": None}, {"body": ""}, {"body": "", "isBase64Encoded": True}])
def test_an_absent_body_is_an_empty_one(event):
    assert read_request(event).body == b""


@pytest.mark.parametrize("body", ["a", "not base64!", "é", "YQ==YQ==", "Y\nQ=="])
def test_broken_base64_is_a_400(body):
    with pytest.raises(Problem) as problem:
        read_request({"body": body, "isBase64Encoded": True})

    assert problem.value.status == HTTPStatus.BAD_REQUEST


def test_the_limit_is_four_megabytes_of_body_however_it_is_written():
    exactly = b"x" * BODY_LIMIT_BYTES

    assert BODY_LIMIT_BYTES == 4 * 1024 * 1024
    assert read_request({"body": exactly.decode()}).body == exactly
    assert read_request(encoded(exactly)).body == exactly
    for event in (
        {"body": "x" * (BODY_LIMIT_BYTES + 1)},
        encoded(exactly + b"x"),
        encoded(exactly + b"xxxx"),
    ):
        with pytest.raises(Problem) as problem:
            read_request(event)
        assert problem.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_the_limit_counts_bytes_and_not_characters():
    with pytest.raises(Problem):
        read_request({"body": "€€"}, body_limit_bytes=5)

    assert read_request({"body": "€€"}, body_limit_bytes=6).body == "€€".encode()


def test_header_names_are_lower_case_and_repeated_ones_joined():
    request = read_request({"headers": {"Content-Type": "a", "X-A": "1", "x-a": "2"}})

    assert request.headers == {"content-type": "a", "x-a": "1,2"}


def test_half_a_surrogate_pair_in_a_header_or_path_does_no_harm():
    request = read_request({"headers": {"x": "\ud800"}, "pathParameters": {"source": "\ud800"}})

    assert request.headers["x"].encode()
    assert request.path_parameters["source"].encode()


def test_half_a_surrogate_pair_in_a_body_does_no_harm():
    assert read_request({"body": "\ud800"}).body


def test_method_and_path_parameters_are_read():
    event = {"requestContext": {"http": {"method": "PUT"}}, "pathParameters": {"source": "stripe"}}

    request = read_request(event)

    assert request.method == "PUT"
    assert request.path_parameters == {"source": "stripe"}


def test_a_valid_trace_is_passed_on():
    assert read_request({"headers": {"traceparent": TRACE}}).traceparent == TRACE


@pytest.mark.parametrize(
    "value",
    ["", "x", TRACE.upper(), f"{TRACE}-more", f"ff{TRACE[2:]}", f"00-{'0' * 32}{TRACE[35:]}", f"{TRACE}\n"],
)
def test_another_trace_begins_where_there_is_no_valid_one(value):
    begun = read_request({"headers": {"traceparent": value}}).traceparent

    assert begun not in ("", value)
    assert read_request({"headers": {"traceparent": begun}}).traceparent == begun


def test_neither_body_nor_headers_show_in_a_requests_representation():
    shown = repr(Request(headers={"authorization": "Bearer hush"}, body=b"hush"))

    assert "hush" not in shown


def test_an_answer_is_json(log):
    status, body, headers = answer_of(lambda _: Response(status=HTTPStatus.OK, body={"a": "€"}), log)

    assert (status, body, headers) == (200, {"a": "€"}, {"content-type": "application/json"})
    assert log.lines == []


def test_a_problem_is_told_as_rfc_9457_has_it(log):
    problem = Problem(
        HTTPStatus.NOT_FOUND, "No source is called 'x'.", members={"hint": 1}, headers={"x-a": "b"}
    )

    status, body, headers = answer_of(raising(problem), log, {"pathParameters": {"source": "x"}})

    assert status == 404
    assert body == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No source is called 'x'.",
        "hint": 1,
    }
    assert headers == {"content-type": "application/problem+json", "x-a": "b"}
    assert log.lines == [(Action.REFUSED, {"status": 404, "source": "x", "error": problem})]


@pytest.mark.parametrize(
    "error", [Unavailable("the queue orders", "secret reasons"), unavailable("It is down.")]
)
def test_our_trouble_is_a_503_that_says_when_to_come_again(log, error):
    status, body, headers = answer_of(raising(error), log)

    assert status == 503
    assert int(headers["retry-after"]) > 0
    assert "secret reasons" not in json.dumps(body)


@pytest.mark.parametrize("error", [KeyError("hush"), RecursionError(), MemoryError(), ValueError("hush")])
def test_an_unforeseen_error_is_a_500_that_tells_nothing_and_is_logged_whole(log, error):
    status, body, _ = answer_of(raising(error), log)

    assert status == 500
    assert "hush" not in json.dumps(body)
    assert log.lines == [(Action.REFUSED, {"status": 500, "error": error})]


def test_a_refused_body_is_a_problem_too(log):
    status, _, headers = answer_of(raising(AssertionError), log, {"body": "?", "isBase64Encoded": True})

    assert status == 400
    assert headers["content-type"] == "application/problem+json"


def test_what_is_logged_of_a_path_is_bounded(log):
    answer_of(raising(Problem(HTTPStatus.NOT_FOUND, "?")), log, {"pathParameters": {"source": "x" * 10_000}})

    [(_, fields)] = log.lines
    assert len(fields["source"]) < 200


@pytest.mark.parametrize(
    "header",
    ["Bearer one", "Bearer two", "bearer one", "BEARER one", "Bearer  one", "Bearer é", "Bearer one "],
)
def test_each_of_the_tokens_lets_in(header):
    require_bearer(Request(headers={"authorization": header}), ["one", "two", "é"])


@pytest.mark.parametrize(
    "header",
    [
        None, "", "one", "Bearer", "Bearer ", "Bearer undefined", "Bearer null", "Bearer on", "Bearer onex",
        "Bearer ONE", "Basic one", "Bearer one two", "Bearer one,two", "Bearer ö", "Bearer\tone", "Bearer \x00",
    ],
)  # fmt: skip
def test_anything_else_is_a_401(header):
    headers = {} if header is None else {"authorization": header}

    with pytest.raises(Problem) as problem:
        require_bearer(Request(headers=headers), ["one", "two"])

    assert problem.value.status == HTTPStatus.UNAUTHORIZED
    assert problem.value.headers == {"www-authenticate": "Bearer"}


@pytest.mark.parametrize("tokens", [(), ("",), ("", "")])
@pytest.mark.parametrize("header", ["Bearer ", "Bearer", "", "Bearer x"])
def test_no_token_lets_nobody_in(tokens, header):
    with pytest.raises(Problem):
        require_bearer(Request(headers={"authorization": header}), tokens)
