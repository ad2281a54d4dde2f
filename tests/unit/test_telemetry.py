"""What functions tell of themselves: lines and metrics, as they leave the process."""

from __future__ import annotations

import json
import logging
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from headworks.errors import Reject
from headworks.telemetry import MOST_VALUES, Action, PowertoolsLog, powertools_counts, powertools_gauge
from headworks.testing.events import FakeContext


@pytest.fixture
def service():
    """A service of the test's own: Powertools keeps one logger for each."""
    return f"service-{uuid4().hex}"


@pytest.fixture
def told(capsys):
    """Answers the lines that were written since it was last asked."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_has_the_fields_that_powertools_own_has(service, told, monkeypatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8")
    log = PowertoolsLog(service)
    log.begin(FakeContext(aws_request_id="r1"))

    log(Action.DONE, queue="orders", attempt=2, duplicate=None)
    Logger(service=service).info("done", extra={"action": "done", "queue": "orders", "attempt": 2})

    ours, powertools = told()
    assert ours.keys() == powertools.keys() - {"location"}
    assert len(ours["timestamp"]) == len(powertools["timestamp"])
    del ours["timestamp"], powertools["timestamp"], powertools["location"]
    assert ours == powertools


def test_a_handlers_own_words_need_no_stack_trace_and_anything_else_has_one(service, told):
    log = PowertoolsLog(service)

    log(Action.DEAD, error=Reject("no such customer"))
    log(Action.RETRY, error=ZeroDivisionError("division by zero"))

    expected, unexpected = told()
    assert (expected["error_type"], expected["error"]) == ("Reject", "no such customer")
    assert "stack_trace" not in expected
    assert unexpected["error_type"] == unexpected["stack_trace"]["type"] == "ZeroDivisionError"
    assert (expected["level"], unexpected["level"]) == ("ERROR", "WARNING")


def test_the_start_of_an_attempt_is_told_at_the_level_debug_alone(told, monkeypatch):
    for level in ("INFO", "DEBUG"):
        monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", level)
        log = PowertoolsLog(f"service-{uuid4().hex}")
        log(Action.STARTED)

    assert [line["level"] for line in told()] == ["DEBUG"]


def test_a_handlers_own_logger_of_that_service_keeps_powertools_lines(service, told):
    PowertoolsLog(service)

    Logger(service=service).info("charged", order="o1")

    [line] = told()
    assert (line["message"], line["order"]) == ("charged", "o1")
    assert "location" in line


def test_a_logger_that_a_handler_made_first_takes_no_field_away(service, told):
    Logger(service=service)

    PowertoolsLog(service)(Action.DONE, queue="orders", attempt=2, duplicate=None)

    [line] = told()
    assert (line["action"], line["queue"], line["attempt"]) == ("done", "orders", 2)
    assert "duplicate" not in line


def test_the_log_level_of_powertools_holds(service, told, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "WARNING")
    log = PowertoolsLog(service)

    log(Action.DONE)
    log(Action.TROUBLE, what="something")

    assert [line["action"] for line in told()] == ["trouble"]


def test_a_line_that_cannot_be_written_raises_nothing(service, capsys, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log = PowertoolsLog(service)

    log(Action.DEAD, error=Reject("half a pair: \ud800"))
    log(Action.DONE, queue="orders")

    assert capsys.readouterr().out.splitlines()[-1].count("orders") == 1


def test_a_batch_is_one_line_of_metrics(told):
    powertools_counts("orders", "fulfil_order")({"Done": 99, "Retry": 1}, [0.123456] * MOST_VALUES * 2)

    [line] = told()
    assert (line["queue"], line["service"]) == ("orders", "fulfil_order")
    assert (line["Done"], line["Retry"]) == ([99], [1])
    assert line["HandlerDuration"] == [0.12] * MOST_VALUES
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Headworks", [["queue", "service"]])
    assert {each["Name"]: each["Unit"] for each in metrics["Metrics"]} == {
        "Done": "Count",
        "Retry": "Count",
        "HandlerDuration": "Milliseconds",
    }


def test_a_batch_in_which_no_handler_ran_has_no_durations(told):
    powertools_counts("orders", "fulfil_order")({"Defer": 3}, [])

    [line] = told()
    assert line["Defer"] == [3]
    assert "HandlerDuration" not in line


def test_how_things_stand_is_told_by_what_the_dimensions_name(told):
    powertools_gauge({"Paused": 1, "Excused": 0}, service="fulfil_order", queue="orders")

    [line] = told()
    assert (line["queue"], line["service"], line["Paused"], line["Excused"]) == (
        "orders",
        "fulfil_order",
        [1],
        [0],
    )
    [metrics] = line["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Headworks", [["queue", "service"]])
