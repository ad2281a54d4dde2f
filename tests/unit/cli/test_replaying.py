"""`headworks dead replay` and `headworks replays`."""

from __future__ import annotations

import io
import json
import re
import threading

import pytest
import typer
from rich.console import Console

from infra.cli import progress
from infra.cli.admin import Admin, Document, NoAnswer, Unknown
from infra.cli.answers import Replay
from tests.support.admin_documents import Problem
from tests.support.admin_server import TOKEN

ID = "rpl_" + "a" * 32


def have(stand, number, **members):
    return [stand.have(f"k{n}", **members) for n in range(number)]


def sent(stand):
    """The requests of replays, without their ids."""
    bodies = [request.body for request in stand.api.asked("POST")]
    return [{name: value for name, value in body.items() if name != "id"} for body in bodies]


def test_a_filter_is_replayed_to_its_end_under_one_id(stand):
    have(stand, 5)
    stand.have("other", errorType="TimeoutError")

    told = stand.run("dead", "replay", "--queue", "webhooks", "--error-type", "ValueError")

    assert told.exit_code == 0
    assert re.search(r"rpl_[0-9a-f]{32}  finished", told.output)
    assert "sent          5" in told.output
    assert sent(stand) == [{"filter": {"errorType": "ValueError"}}] * 3
    assert len({request.body["id"] for request in stand.api.asked("POST")}) == 1
    assert [each["key"] for each in stand.api.items if each["state"] == "dead"] == ["other"]


def test_messages_are_named_by_id_and_their_queue_is_found(stand):
    first, second, _ = have(stand, 3)

    document = json.loads(stand.run("dead", "replay", first, second, first, "--json").stdout)

    assert (document["queue"], document["sent"]) == ("webhooks", 2)
    assert document["selection"]["ids"] == [first, second]


def test_everything_that_can_be_said_reaches_the_api(stand):
    have(stand, 2)

    stand.run(
        *("dead", "replay", "--queue", "webhooks", "--consumer", "deliver_webhook"),
        *("--reason", "rejected", "--reason", "crashed", "--class", "endpoint", "--tenant", "acme"),
        *("--since", "2026-01-01T00:00Z", "--until", "2026-01-02T00:00Z"),
        *("--first", "1", "--rate", "2.5", "--again", "--any-number", "--stop-after", "3"),
        *("--because", "fixed"),
    )

    assert sent(stand)[0] == {
        "filter": {
            "reasons": ["rejected", "crashed"],
            "class": "endpoint",
            "tenant": "acme",
            "since": "2026-01-01T00:00:00+00:00",
            "until": "2026-01-02T00:00:00+00:00",
        },
        "consumer": "deliver_webhook",
        "first": 1,
        "rate": 2.5,
        "again": True,
        "anyNumber": True,
        "stopAfter": 3,
        "reason": "fixed",
    }


def test_a_dry_run_counts_and_sends_nothing(stand):
    have(stand, 3, queue="orders", consumer="fulfil_order")

    told = stand.run("dead", "replay", "--queue", "orders", "--all", "--dry-run")

    assert told.exit_code == 0
    assert told.output.startswith("dry run\n")
    assert "selected      3" in told.output
    assert "On a FIFO queue what was processed stays processed." in told.output
    assert {each["state"] for each in stand.api.items} == {"dead"}
    assert stand.api.replays.begun == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--all"),
        (("--queue", "webhooks"), "--all"),
        (("--all",), "--queue"),
        (("--error", "x"), "--queue"),
        (("--queue", "webhooks", "--all", "--error", "x"), "either"),
        (("k0", "--all"), "either"),
        (("--queue", "webhooks", "--all", "--first", "0"), "--first"),
        (("--queue", "unheard-of", "--all"), "unheard-of"),
        (("--resume", ID, "--all"), "--resume"),
        (("--resume", ID, "--rate", "2"), "--resume"),
        (("k0", "b"), "several"),
    ],
)
def test_what_is_asked_wrongly_is_exit_code_2(stand, arguments, said):
    have(stand, 2)
    stand.have("b", queue="orders", consumer="fulfil_order")

    told = stand.run("dead", "replay", *arguments)

    assert told.exit_code == 2
    assert said in told.stderr
    assert {each["state"] for each in stand.api.items} == {"dead"}


def test_nothing_to_replay_is_exit_code_1(stand):
    assert stand.run("dead", "replay", "--queue", "webhooks", "--all").exit_code == 1
    assert stand.run("dead", "replay", "--queue", "webhooks", "--all", "--dry-run").exit_code == 1
    assert stand.run("dead", "replay", "unheard-of").exit_code == 1


def begin(stand, number, **body):
    """A replay that somebody else began: it has got through its first slice."""
    have(stand, number)
    admin = Admin(endpoint=stand.api.endpoint, token=TOKEN, operator="bob@x")
    admin.post("queues", "webhooks", "replays", body={"id": ID, **(body or {"all": True})})
    return stand.api.replays.begun[ID]


@pytest.mark.parametrize(
    "selection",
    [{"all": True}, {"filter": {"errorType": "ValueError"}}, {"ids": [f"msg_k{n}" for n in range(5)]}],
)
def test_a_replay_that_was_begun_is_carried_on_as_it_was_asked_for(stand, selection):
    begun = begin(stand, 5, **selection, first=4, rate=7.5, reason="fixed", stopAfter=2)

    told = stand.run("dead", "replay", "--resume", ID)

    assert told.exit_code == 0
    assert (begun["state"], begun["sent"]) == ("finished", 4)
    assert begun["by"] == "bob@x"


def test_a_replay_that_has_ended_is_not_carried_on(stand):
    begin(stand, 1)

    told = stand.run("dead", "replay", "--resume", ID)

    assert told.exit_code == 1
    assert "has ended: it is finished" in told.stderr


def test_a_replay_that_stopped_is_exit_code_3_and_says_why(stand):
    begun = begin(stand, 3)
    begun |= {"state": "stopped", "stoppedBecause": "10 have failed again", "failedAgain": 10}
    have(stand, 3)
    stand.api.plan("POST", (200, "application/json", json.dumps(begun).encode()))

    told = stand.run("dead", "replay", "--queue", "webhooks", "--all")

    assert told.exit_code == 3
    assert "because       10 have failed again" in told.output
    assert "failed again  10" in told.output


def test_replays_are_listed_shown_and_stopped(stand):
    begin(stand, 5, all=True, reason="fixed", first=4)

    listed, shown = stand.run("replays", "list"), stand.run("replays", "show", ID)
    stopped = stand.run("replays", "stop", ID)

    assert listed.output == shown.output
    for text in (f"{ID}  running", "the first 4", "by bob@x: fixed", "sent          2"):
        assert text in shown.output
    assert "stopped" in stopped.output
    assert stand.run("replays", "list").exit_code == 1
    assert json.loads(stand.run("replays", "list", "--json").stdout) == {"replays": []}
    assert json.loads(stand.run("replays", "show", ID, "--json").stdout)["state"] == "stopped"


def test_an_unknown_replay_is_exit_code_1(stand):
    for command in (("replays", "show", ID), ("replays", "stop", ID), ("dead", "replay", "--resume", ID)):
        told = stand.run(*command)

        assert told.exit_code == 1
        assert told.stderr == f"headworks: There is no replay {ID}.\n"


class Scripted:
    """An admin API that answers what a test says; an exception is raised.

    With `looked`, a request to carry on is answered when all that it tells lookers was seen.
    """

    def __init__(self, *, posts=(), gets=(), looked=False):
        self.posts, self.gets, self.pauses = list(posts), list(gets), 0
        self.looked = threading.Event()
        if not looked:
            self.looked.set()

    def _next(self, answers):
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def post(self, *path, **_):
        assert self.looked.wait(20)
        return self._next(self.posts)

    def get(self, *path, **_):
        if len(self.gets) == 1:
            self.looked.set()
        return self._next(self.gets)

    def pause(self, seconds):
        self.pauses += 1


def a_replay(**members):
    return Document.of(
        {
            "id": ID,
            "queue": "webhooks",
            "state": "running",
            "by": "x",
            "askedAt": "2026-01-01T00:00:00+00:00",
            "selection": {"all": True},
            **members,
        }
    )


def carry(admin):
    return progress.carried(
        admin, "webhooks", {"id": ID, "all": True}, over=0, again=" --region here", every=0
    )


def test_it_is_looked_at_while_it_is_carried_on_also_before_it_is_written_down():
    unknown = Unknown(404, "There is no such replay.")
    admin = Scripted(
        posts=[a_replay(state="finished", sent=2)], gets=[unknown, a_replay(), a_replay(sent=1)], looked=True
    )

    assert carry(admin).read(Replay).sent == 2
    assert len(admin.gets) == 1


def test_a_request_that_is_lost_on_its_way_does_not_end_a_replay():
    lost = NoAnswer("it took too long")
    admin = Scripted(posts=[lost, lost, a_replay(), lost, a_replay(state="finished")], gets=[lost])

    assert carry(admin).read(Replay).state == "finished"


def test_a_replay_that_somebody_else_is_at_work_on_is_asked_for_again_after_a_pause():
    admin = Scripted(posts=[a_replay(), a_replay(), a_replay(state="finished")], gets=[a_replay()])

    carry(admin)

    assert admin.pauses == 2


def test_an_api_that_is_gone_ends_it_and_says_that_the_replay_goes_on(capsys):
    admin = Scripted(posts=[NoAnswer("it took too long")], gets=[NoAnswer("x")])

    with pytest.raises(NoAnswer):
        carry(admin)

    assert f"headworks replays stop {ID}" in capsys.readouterr().err


def test_ctrl_c_leaves_a_replay_to_the_pipeline_and_says_how_to_watch_and_stop_it(capsys):
    admin = Scripted(posts=[a_replay(state="finished")], gets=[KeyboardInterrupt()], looked=True)

    with pytest.raises(typer.Exit) as left:
        carry(admin)

    assert left.value.exit_code == 130
    told = capsys.readouterr().err
    assert f"The replay {ID} goes on in the background." in told
    assert f"headworks replays show {ID} --watch --region here" in told
    assert f"headworks replays stop {ID} --region here" in told


def test_the_bar_shows_how_many_of_how_many(monkeypatch):
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=True, width=80)
    with progress.bar(console, 3000) as told:
        told(a_replay(sent=1200, skipped={"completed": 34}, failedAgain=5).read(Replay))

    assert "1,234 of 3,000, 5 failed again" in seen.getvalue()


def test_watching_ends_when_the_replay_does():
    admin = Scripted(gets=[a_replay(), a_replay(sent=1), a_replay(state="finished", sent=2)])

    assert progress.watched(admin, ID).read(Replay).sent == 2
    assert admin.pauses == 2


def test_a_conflict_is_told(stand):
    stand.api.plan("POST", Problem(409, "It asks for something else."))

    told = stand.run("dead", "replay", "--queue", "webhooks", "--all")

    assert told.exit_code == 1
    assert told.stderr == "headworks: It asks for something else.\n"
