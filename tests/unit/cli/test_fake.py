"""The fake admin API answers what the real one's documents say, and the command line asks what it takes."""

from __future__ import annotations

import pytest

from administer.documents import control, messages, numbers, replays, requests
from tests.support.admin_api import AdminApi
from tests.support.admin_documents import Request, an_item

ID = "rpl_" + "a" * 32
MESSAGE = ("queues", "webhooks", "messages", "msg_dead")
OF_CONSUMER = {"consumer": ["deliver_webhook"]}


def an_api():
    api = AdminApi()
    api.items += [an_item("dead"), an_item("waiting", state="waiting", reason=None, at=None)]
    api.items[1]["class"] = None
    api.on_queue += ["m1", "bad"]
    api.answer(
        Request("POST", ("queues", "webhooks", "replays"), {}, {"id": ID, "filter": {"type": "x"}}, "ada@x")
    )
    return api


@pytest.mark.parametrize(
    ("method", "path", "query", "asked", "body", "answered"),
    [
        ("GET", ("queues",), {}, None, None, numbers.Overview),
        ("GET", ("queues", "orders"), {}, None, None, numbers.QueueStats),
        ("GET", ("messages",), {"state": ["waiting"]}, None, None, messages.Listing),
        ("GET", ("messages",), {"groups": ["true"]}, None, None, messages.Listing),
        ("GET", ("find",), {"name": ["dead"]}, None, None, messages.Found),
        ("PUT", (*MESSAGE, "payload"), OF_CONSUMER, requests.PayloadRequest, {"data": {}}, messages.FullItem),
        ("DELETE", MESSAGE, OF_CONSUMER, None, None, messages.DeleteAnswer),
        (
            "POST",
            ("queues", "webhooks", "pause"),
            {},
            requests.PauseRequest,
            {"reason": "x"},
            control.PauseAnswer,
        ),
        ("POST", ("queues", "webhooks", "resume"), {}, requests.ResumeRequest, {}, control.PauseAnswer),
        ("POST", ("sources", "stripe", "pause"), {}, requests.SourcePauseRequest, {}, control.PauseAnswer),
        (
            "POST",
            ("queues", "webhooks", "process"),
            {},
            requests.ProcessRequest,
            {"batchSize": 5},
            control.ProcessAnswer,
        ),
        (
            "POST",
            ("queues", "webhooks", "purge"),
            {},
            requests.PurgeRequest,
            {"confirm": "webhooks"},
            control.PurgeAnswer,
        ),
        (
            *("POST", ("queues", "webhooks", "replays"), {}, requests.ReplayRequest),
            {
                "filter": {"reasons": ["rejected"], "class": "endpoint"},
                "first": 1,
                "rate": 2.5,
                "stopAfter": 3,
            },
            replays.Replay,
        ),
        (
            "POST",
            ("queues", "webhooks", "replays"),
            {},
            requests.ReplayRequest,
            {"all": True, "dryRun": True},
            replays.Replay,
        ),
        ("GET", ("replays", ID), {}, None, None, replays.Replay),
        ("GET", ("replays",), {}, None, None, replays.Running),
    ],
)
def test_an_answer_of_the_fake_is_one_of_the_real_api(method, path, query, asked, body, answered):
    if asked is not None:
        asked.model_validate(body)

    _, document = an_api().answer(Request(method, path, query, body, "ada@x"))

    answered.model_validate(document)
