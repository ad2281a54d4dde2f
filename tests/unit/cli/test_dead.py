"""`headworks dead`: what it finds, how it looks, what it answers to a shell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import Entry, Failure, Letter
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.message import encode
from headworks.outcome import Reason
from headworks.testing.clock import NEW_YEAR
from infra.cli.main import app
from infra.cli.target import Target
from pipeline import TOPOLOGY
from tests.support.declarations import SECOND, a_message

ADDRESSES = [Address(queue.name, name) for queue in TOPOLOGY.queues for name in queue.consumers]
WEBHOOKS = Address("webhooks", "deliver_webhook")
STACK = 'Traceback (most recent call last):\n  File "delivery.py", line 7, in deliver\n    raise ValueError\n'
FAILURE = Failure(
    attempt=1,
    at=NEW_YEAR,
    error_type="ValueError",
    error="no such [bold]customer[/bold]",
    stack=STACK,
    duration_ms=12,
    version="7",
    request_id="r-1",
)
PAYLOAD = {"endpoint": "default", "body": "eyJhbW91bnQiOiAyNTAwfQ==", "headers": {"x-mark": "m"}}


class Stand:
    """The command line in front of ledgers in memory."""

    def __init__(self, clock):
        self.clock = clock
        self.ledgers = {address: MemoryLedger(clock) for address in ADDRESSES}

    def bury(self, key, *, reason=Reason.REJECTED, failure=FAILURE, data=PAYLOAD, **fields):
        """One more dead letter of the webhooks; answers its message id."""
        self.clock.advance(SECOND)
        ledger = self.ledgers[WEBHOOKS]
        message = a_message(json.dumps(data).encode(), idempotency_key=key, **fields)
        [lease] = ledger.lease([Entry.of(message)], lasts=timedelta(minutes=1))
        letter = Letter(body=encode(message), sent_at=NEW_YEAR)
        ledger.bury(lease.entry, letter, reason=reason, failure=failure, holder=lease)
        return message.id

    def run(self, *arguments, columns=160):
        target = Target(catalogue=MemoryCatalogue(self.ledgers), claim_check=lambda _queue: None)
        return CliRunner().invoke(app, ["dead", *arguments], obj=target, env={"COLUMNS": str(columns)})


@pytest.fixture
def stand(clock):
    return Stand(clock)


def test_dead_letters_are_listed_newest_first_with_their_errors(stand):
    ids = [stand.bury(f"k{n}") for n in range(3)]

    listed = stand.run("list")

    lines = listed.output.splitlines()
    assert listed.exit_code == 0
    assert [line.split()[0] for line in lines[1:]] == ids[::-1]
    assert "rejected" in lines[1]
    assert "ValueError: no such" in lines[1]


@pytest.mark.parametrize("columns", [20, 60, 119, 120, 200])
def test_ids_are_whole_on_every_terminal_and_lines_fit_where_they_can(stand, columns):
    message_id = stand.bury("k", failure=replace(FAILURE, error="x" * 400))

    lines = stand.run("list", columns=columns).output.splitlines()

    if columns >= 60:
        assert message_id in "".join(lines)
        assert max(map(len, lines)) <= columns


def test_a_list_goes_on_where_the_last_page_ended(stand):
    ids = [stand.bury(f"k{n}") for n in range(3)]

    first = json.loads(stand.run("list", "--limit", "2", "--json").output)
    second = json.loads(stand.run("list", "--limit", "2", "--cursor", first["cursor"], "--json").output)

    assert [each["id"] for each in first["items"]] == ids[:0:-1]
    assert [each["id"] for each in second["items"]] == ids[:1]
    assert second["cursor"] is None
    assert f"--cursor {first['cursor']}" in stand.run("list", "--limit", "2").output


@pytest.mark.parametrize(
    "options",
    [
        ("--reason", "exhausted"),
        ("--error", "too slow"),
        ("--error-type", "TimeoutError"),
        ("--type", "order.refused"),
        ("--tenant", "acme"),
        ("--ordering-key", "ada"),
        ("--since", "2026-01-01T00:00:02+00:00"),
        ("--queue", "webhooks", "--consumer", "deliver_webhook", "--limit", "1"),
    ],
)
def test_options_choose_among_the_dead(stand, options):
    stand.bury("other")
    slow = replace(FAILURE, error_type="TimeoutError", error="too slow")
    wanted = stand.bury(
        "wanted",
        reason=Reason.EXHAUSTED,
        failure=slow,
        type="order.refused",
        tenant="acme",
        ordering_key="ada",
    )

    document = json.loads(stand.run("list", *options, "--json").output)

    assert [each["id"] for each in document["items"]] == [wanted]


def test_the_json_of_a_list_has_these_members(stand):
    message_id = stand.bury("k", tenant="acme", ordering_key="ada")

    assert json.loads(stand.run("list", "--json").stdout) == {
        "items": [
            {
                "id": message_id,
                "key": "k",
                "queue": "webhooks",
                "consumer": "deliver_webhook",
                "state": "dead",
                "at": "2026-01-01T00:00:01+00:00",
                "reason": "rejected",
                "errorType": "ValueError",
                "error": FAILURE.error,
                "type": "order.placed",
                "source": "shop",
                "orderingKey": "ada",
                "tenant": "acme",
                "attempt": 1,
                "crashes": 0,
            }
        ],
        "cursor": None,
    }


@pytest.mark.parametrize("by", ["key", "id"])
def test_a_dead_letter_is_shown_whole_by_its_key_and_by_its_id(stand, by):
    message_id = stand.bury("k")

    shown = stand.run("show", message_id if by == "id" else "k")

    assert shown.exit_code == 0
    for told in (
        message_id,
        "dead: rejected",
        "webhooks/deliver_webhook",
        "Attempt 1",
        "r-1",
        '"amount": 2500',
    ):
        assert told in shown.output
    for line in STACK.splitlines():
        assert line in shown.output


def test_a_stack_that_was_cut_begins_with_a_whole_line(stand):
    stand.bury("k", failure=replace(FAILURE, stack="half a line\n  whole line\n".ljust(1500, "z")))

    shown = stand.run("show", "k").output

    assert "half a line" not in shown
    assert "...\n    whole line" in shown


def test_the_json_of_a_message_has_its_history_and_payload(stand):
    stand.bury("k")

    [item] = json.loads(stand.run("show", "k", "--json").stdout)["items"]

    assert item["history"] == [
        {
            "attempt": 1,
            "at": "2026-01-01T00:00:00+00:00",
            "errorType": "ValueError",
            "error": FAILURE.error,
            "stack": STACK,
            "durationMs": 12,
            "version": "7",
            "requestId": "r-1",
        }
    ]
    assert item["message"]["data"] == PAYLOAD
    assert (item["reason"], item["leaseEnds"]) == ("rejected", None)


@pytest.mark.parametrize("columns", [60, 160])
@pytest.mark.parametrize("command", ["list", "show"])
def test_a_message_is_shown_and_never_obeyed(stand, command, columns):
    hostile = "[red]x[/red] \x1b[2J\x9b1m\u202e\u2066 [link=http://x]y[/link] \x07"
    stand.bury(
        "k",
        failure=replace(FAILURE, error=hostile, stack=hostile, error_type="E\x1b]0;t"),
        data={**PAYLOAD, "headers": {"h": hostile}},
    )

    told = stand.run(command, *(["k"] if command == "show" else []), columns=columns).output

    assert "[red]x[/red] \\x1b[2J" in told
    assert not {"\x1b", "\x9b", "\u202e", "\u2066", "\x07"} & set(told)


def test_json_steers_no_terminal(stand):
    stand.bury("k", failure=replace(FAILURE, error="\x9b1m\u202e€"))

    assert stand.run("list", "--json").stdout.isascii()


@pytest.mark.parametrize(
    "arguments", [("list",), ("list", "--json"), ("show", "unheard-of"), ("show", "x", "--json")]
)
def test_nothing_found_is_exit_code_1(stand, arguments):
    assert stand.run(*arguments).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--queue", "unheard-of"),
        ("list", "--consumer", "unheard_of"),
        ("list", "--reason", "bored"),
        ("list", "--since", "yesterday"),
        ("list", "--since", "999999d"),
        ("list", "--cursor", "nonsense"),
        ("list", "--limit", "0"),
        ("show",),
    ],
)
def test_what_cannot_be_answered_is_exit_code_2(stand, arguments):
    assert stand.run(*arguments).exit_code == 2


def test_a_message_that_is_not_dead_is_shown_where_it_stands(stand):
    ledger = stand.ledgers[WEBHOOKS]
    [lease] = ledger.lease([Entry(key="k", message_id="msg_1", type="t", source="s")], lasts=60 * SECOND)
    ledger.retry(lease, FAILURE, due=stand.clock.now() + SECOND)

    shown = stand.run("show", "msg_1")

    assert "retrying" in shown.output
    assert "due" in shown.output
