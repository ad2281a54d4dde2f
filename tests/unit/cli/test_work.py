"""`headworks work`: whose consumer runs, and what it is told."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from headworks.consumer import Consumer, consumption_of
from headworks.ledger.memory import MemoryLedger
from headworks.testing.broker import MemoryBroker
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from infra.cli import work
from infra.cli.main import app
from infra.cli.target import NotDeployed
from tests.support.declarations import a_queue


def run(*arguments):
    return CliRunner().invoke(app, ["work", *arguments])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("unheard-of",), 2, "isn't a queue of this pipeline"),
        (("order-events",), 2, "has several: update_inventory, notify_order"),
        (("webhooks", "--consumer", "send_email"), 2, "isn't a consumer of webhooks"),
        (("webhooks", "--concurrency", "0"), 2, "--concurrency"),
    ],
)
def test_what_can_not_be_worked_on_is_refused_with_the_reason(arguments, code, said):
    told = run(*arguments)

    assert told.exit_code == code
    assert said in " ".join(told.output.replace("│", " ").split())


def test_a_run_that_isnt_up_is_told_of(tmp_path):
    told = run("webhooks", "--directory", str(tmp_path))

    assert told.exit_code == 1
    assert "the local run isn't up" in told.output


class Aws:
    """CloudFormation and Lambda, as far as they know of functions."""

    def __init__(self, **handlers):
        self._handlers = handlers

    def __call__(self, service):
        return self

    def get_paginator(self, operation):
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName):  # noqa: N803 - boto3's name
        assert StackName == "HeadworksService"
        kinds = {"a-role": "AWS::IAM::Role", **dict.fromkeys(self._handlers, "AWS::Lambda::Function")}
        for name, kind in kinds.items():
            yield {"StackResourceSummaries": [{"PhysicalResourceId": name, "ResourceType": kind}]}

    def get_function_configuration(self, *, FunctionName):  # noqa: N803 - boto3's name
        variables = {"NAME": FunctionName}
        return {"Handler": self._handlers[FunctionName], "Environment": {"Variables": variables}}


def test_a_worker_is_told_what_its_function_is_told():
    aws = Aws(f1="fulfil_order.handler.handler", f2="deliver_webhook.handler.handler")

    assert work._variables("deliver_webhook", aws) == {"NAME": "f2"}


def test_a_consumer_that_isnt_deployed_is_told_of():
    with pytest.raises(NotDeployed, match="no function deliver_webhook"):
        work._variables("deliver_webhook", Aws(f1="fulfil_order.handler.handler"))


@pytest.fixture
def handler():
    parts = ConsumerParts(
        broker=MemoryBroker(),
        ledger=MemoryLedger(),
        log=RecordingLog(),
        counts=lambda _outcomes, _durations: None,
    )
    return Consumer(a_queue(), print, parts=parts)


def test_what_a_consumer_is_made_of_is_found_through_a_decorator(handler):
    @functools.wraps(handler)
    def decorated(event, context):
        return handler(event, context)

    for each in (handler, decorated):
        found = consumption_of(each)
        assert (found.queue.name, found.consumer, found.handle) == ("orders", "fulfil_order", print)


def test_a_handler_that_isnt_a_consumer_is_no_work(monkeypatch):
    monkeypatch.setattr(work, "import_module", lambda _name: SimpleNamespace(handler=print))

    with pytest.raises(work.CantWork, match="isn't a Consumer"):
        work._consumption("deliver_webhook")


def test_a_process_that_was_told_where_its_queue_is_needs_nobody_else(monkeypatch, tmp_path):
    queue = work._declared("webhooks", None)[0]
    monkeypatch.setenv(queue.url_variable("deliver_webhook"), "https://sqs/webhooks")
    monkeypatch.setattr(work, "HOME", tmp_path)

    assert work._settings(queue, "deliver_webhook", tmp_path, None, None) == {}
