"""`headworks stats`: the numbers, and what has to be said in words."""

from __future__ import annotations

import json

import pytest

from infra.cli.admin import Document, NoAnswer, Unknown
from infra.cli.numbers import short
from infra.cli.stats import look_on
from tests.support.admin_documents import AT, Problem

BUSY = {
    "pending": 1204,
    "processing": 3,
    "retrying": 40,
    "dead": 100_000,
    "countsAreExact": False,
    "oldestAgeSeconds": 3725,
    "rates": {"done": 512.5, "retried": 3, "dead": 0},
    "warnings": ["paused for two days"],
}
PAUSE = {"since": AT.format(3), "by": "ada@x", "reason": "the bank is down"}


@pytest.mark.parametrize("columns", [60, 80, 111, 112, 200])
def test_every_consumer_has_its_numbers_on_every_terminal(stand, columns):
    stand.api.stats["webhooks", "deliver_webhook"] = BUSY

    told = stand.run("stats", columns=columns)

    assert told.exit_code == 0
    for text in ("webhooks/deliver_webhook", "order-events/notify_order", "1,204", "100,000+", "512.5"):
        assert text in told.output
    assert "1h 2m" in told.output
    assert max(map(len, told.output.splitlines())) <= columns


@pytest.mark.parametrize("columns", [60, 160])
def test_what_is_paused_and_what_is_wrong_is_said(stand, columns):
    stand.api.stats["webhooks", "deliver_webhook"] = BUSY
    stand.api.pauses["webhooks", "deliver_webhook"] = PAUSE
    stand.api.pauses[None, "stripe"] = PAUSE
    stand.api.held["stripe"] = 12

    told = " ".join(stand.run("stats", columns=columns).output.split())

    assert "webhooks/deliver_webhook paused" in told
    assert "by ada@x: the bank is down" in told
    assert "webhooks/deliver_webhook: paused for two days" in told
    assert "the source stripe is paused since" in told
    assert "12 events kept back" in told


@pytest.mark.parametrize("columns", [60, 160])
def test_of_a_queue_on_redis_it_is_said_what_is_due_later_and_parked(stand, columns):
    on_redis = {"pending": 4, "retrying": None, "delayed": None, "due": 7, "parked": 1}
    stand.api.stats["orders", "fulfil_order"] = on_redis

    told = stand.run("stats", columns=columns)

    said = " ".join(told.output.split())
    assert told.exit_code == 0
    assert "?" not in said
    assert "orders/fulfil_order: 7 messages on Redis until due, for a retry or after a delay" in said
    assert "orders/fulfil_order: 1 message parked behind another of the same ordering key" in said


def test_what_could_not_be_asked_is_told_and_is_exit_code_3(stand):
    stand.api.stats["orders", "fulfil_order"] = {"pending": None, "trouble": ["SQS doesn't answer"]}

    told = stand.run("stats")

    assert told.exit_code == 3
    assert "orders/fulfil_order: SQS doesn't answer" in told.output
    assert "?" in told.output


def test_one_queue_alone(stand):
    told = stand.run("stats", "orders")

    assert "orders/fulfil_order" in told.output
    assert "webhooks" not in told.output


def test_the_json_is_the_apis_document(stand):
    document = json.loads(stand.run("stats", "--json").stdout)

    assert document["queues"][0]["name"] == "webhooks"
    assert json.loads(stand.run("stats", "orders", "--json").stdout) == document["queues"][1]


def test_an_unknown_queue_is_exit_code_2_and_those_there_are_are_named(stand):
    told = stand.run("stats", "unheard-of")

    assert told.exit_code == 2
    assert "webhooks" in told.stderr


class Watch:
    """Somebody who looks so many times, and then presses Ctrl-C."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def ask(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pause(self):
        if not self.answers:
            raise KeyboardInterrupt


def an_overview(pending):
    consumer = {"consumer": "fulfil_order", "pending": pending}
    return Document.of(
        {"at": AT.format(1), "queues": [{"name": "orders", "consumers": [consumer]}], "sources": []}
    )


def test_watching_goes_on_over_trouble_until_ctrl_c(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    watch = Watch(an_overview(1201), NoAnswer("it doesn't answer"), an_overview(1202))

    look_on(watch.ask, as_json=False, pause=watch.pause)

    told = capsys.readouterr().out
    assert told.count("1,201") == 2
    assert "it doesn't answer" in told
    assert "1,202" in told


def test_watching_what_is_unknown_ends(capsys):
    watch = Watch(Unknown(404, "There is no queue x."))

    with pytest.raises(Unknown):
        look_on(watch.ask, as_json=False, pause=watch.pause)


def test_watching_as_json_is_a_document_a_line(capsys):
    watch = Watch(an_overview(1), an_overview(2))

    look_on(watch.ask, as_json=True, pause=watch.pause)

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["queues"][0]["consumers"][0]["pending"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "-"), (0, "0s"), (12.9, "12s"), (60, "1m"), (200, "3m 20s"), (7500, "2h 5m"), (349_300, "4d 1h")],
)
def test_ages_are_told_in_two_units_at_most(seconds, told):
    assert short(seconds) == told


def test_a_refusal_is_a_sentence(stand):
    stand.api.plan("GET", Problem(500, "Something went wrong here."))

    told = stand.run("stats")

    assert told.exit_code == 1
    assert told.stderr == "headworks: Something went wrong here.\n"
