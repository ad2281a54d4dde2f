"""What Lambda makes of a function's answer, each answer on a queue of its own, all at the same time."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import WORLDS, open_stage

VISIBILITY = 2
SUCCESS = {
    "no failures": {"batchItemFailures": []},
    "null list": {"batchItemFailures": None},
    "empty object": {},
    "null": None,
    "empty string": "",
    "another object": {"statusCode": 200},
}
FAILURE = {
    "empty identifier": {"batchItemFailures": [{"itemIdentifier": ""}]},
    "null identifier": {"batchItemFailures": [{"itemIdentifier": None}]},
    "unknown identifier": {"batchItemFailures": [{"itemIdentifier": "nobody"}]},
    "wrong key": {"batchItemFailures": [{"identifier": "nobody"}]},
    "text": "done",
}
SCRIPTS = {
    **{name: {"answer": answer} for name, answer in {**SUCCESS, **FAILURE}.items()},
    "exception": {"raise": "no"},
    "no JSON": {"answer_no_json": True},
    # Last, since a process that ends is a process to be started.
    "process ended": {"die": True},
    "timeout": {"sleep": 3},
}
FAILED = sorted(SCRIPTS.keys() - SUCCESS.keys())


@pytest.fixture(scope="module", params=WORLDS)
def sqs(request):
    with open_stage(request) as stage:
        yield stage


@pytest.fixture(scope="module")
def deliveries(sqs):
    """How often a message was delivered whose consumer gives each answer, once there was time for two."""
    queues = {}
    for name, script in SCRIPTS.items():
        queues[name] = sqs.queue(visibility_timeout=VISIBILITY)
        sqs.send(queues[name], script)
        sqs.consume(queues[name])
        assert sqs.eventually(lambda queue=queues[name]: sqs.deliveries(queue) > 0), f"{name} never ran"
    sqs.eventually(lambda: all(sqs.deliveries(queues[name]) > 1 for name in FAILED), within=4)
    return {name: sqs.deliveries(url) for name, url in queues.items()}


@pytest.mark.parametrize("answer", sorted(SUCCESS))
def test_an_answer_without_failures_is_success(deliveries, answer):
    assert deliveries[answer] == 1


@pytest.mark.parametrize("answer", FAILED)
def test_an_answer_that_lambda_cannot_read_fails_the_whole_batch(deliveries, answer):
    assert deliveries[answer] > 1
