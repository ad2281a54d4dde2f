"""The ledger contract, for every ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Closed, Entry, Failure, Held, Lease, Letter, State, Suspect
from headworks.ledger.memory import MemoryLedger
from headworks.outcome import Reason
from headworks.testing.clock import NEW_YEAR
from tests.support.declarations import SECOND, a_queue

MINUTE = timedelta(minutes=1)
LETTER = Letter(body='{"n": 1}', sent_at=NEW_YEAR)


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.e2e)])
def ledger_of(request, clock):
    """Answers a consumer's ledger by the consumer's name."""
    if request.param == "memory":
        return lambda _consumer: MemoryLedger(clock)
    client = request.getfixturevalue("emulator_clients")("dynamodb")
    table = request.getfixturevalue("ledger_table")
    return lambda consumer: DynamoDBLedger(a_queue(), consumer, client, table=table, clock=clock)


@pytest.fixture
def ledger(ledger_of):
    return ledger_of("fulfil_order")


@pytest.fixture
def other_ledger(ledger_of):
    return ledger_of("notify_order")


def entry(key="k", **fields):
    return Entry(**{"key": key, "message_id": f"msg_{key}", "type": "t", "source": "s", **fields})


def lease_one(ledger, key="k", lasts=MINUTE):
    [answer] = ledger.lease([entry(key)], lasts=lasts)
    return answer


def failure(attempt=1, error="no", at=NEW_YEAR):
    return Failure(
        attempt=attempt, at=at, error_type="ValueError", error=error, stack="line 1", duration_ms=5
    )


def test_a_run_that_goes_on_keeps_its_lease(ledger, clock):
    lease = lease_one(ledger, lasts=MINUTE)
    clock.advance(50 * SECOND)

    assert ledger.extend([lease], lasts=MINUTE) == [True]
    clock.advance(50 * SECOND)
    assert isinstance(lease_one(ledger), Held)
    clock.advance(11 * SECOND)
    assert isinstance(lease_one(ledger), Suspect)


def test_a_lease_that_is_somebody_elses_or_over_is_not_extended(ledger, clock):
    lost = lease_one(ledger, lasts=SECOND)
    clock.advance(2 * SECOND)
    suspect = lease_one(ledger)
    owner = ledger.take_over(suspect, lasts=MINUTE)
    done = lease_one(ledger, "done")
    ledger.complete([done])

    assert ledger.extend([lost, owner, done], lasts=MINUTE) == [False, True, False]


def test_the_first_to_ask_runs_its_first_attempt(ledger):
    answer = lease_one(ledger)

    assert isinstance(answer, Lease)
    assert (answer.attempt, answer.crashes, answer.history) == (1, 0, ())


def test_a_batch_is_answered_in_the_order_of_its_input(ledger):
    lease_one(ledger, "k3")

    answers = ledger.lease([entry(f"k{n}") for n in range(60)], lasts=MINUTE)

    assert [n for n, answer in enumerate(answers) if isinstance(answer, Held)] == [3]
    assert [answer.entry.key for n, answer in enumerate(answers) if n != 3] == [
        f"k{n}" for n in range(60) if n != 3
    ]


def test_while_one_runs_nobody_else_does(ledger, clock):
    lease_one(ledger)

    assert lease_one(ledger) == Held(until=clock.now() + MINUTE, why="its key is being processed elsewhere")


def test_what_is_completed_never_runs_again(ledger, clock):
    assert ledger.complete([lease_one(ledger)]) == [True]
    clock.advance(timedelta(days=26))

    assert lease_one(ledger) == Closed(state=State.COMPLETED)


def test_a_retry_runs_when_it_is_due_and_not_before(ledger, clock):
    assert ledger.retry(lease_one(ledger), failure(), due=clock.now() + 5 * SECOND)

    assert isinstance(lease_one(ledger), Held)
    clock.advance(5 * SECOND)
    second = lease_one(ledger)
    assert (second.attempt, second.crashes, second.history) == (2, 0, (failure(),))


def test_a_history_keeps_the_first_failure_and_the_latest(ledger, clock):
    for attempt in range(1, 31):
        answer = lease_one(ledger)
        ledger.retry(answer, failure(attempt, error=f"no {attempt}"), due=clock.now())

    attempts = [each.attempt for each in lease_one(ledger).history]
    assert attempts == [1, *range(20, 31)]


def test_an_attempt_that_did_not_count_is_given_back(ledger, clock):
    ledger.release(lease_one(ledger), due=clock.now())
    first = lease_one(ledger)
    ledger.retry(first, failure(), due=clock.now())
    ledger.release(lease_one(ledger), due=clock.now())

    again = lease_one(ledger)
    assert (first.attempt, again.attempt, again.history) == (1, 2, (failure(),))


def test_the_lease_of_an_owner_that_died_makes_a_suspect(ledger, clock):
    lease_one(ledger, lasts=SECOND)
    clock.advance(SECOND)

    suspect = lease_one(ledger)
    assert isinstance(suspect, Suspect)
    taken = ledger.take_over(suspect, lasts=MINUTE)
    assert (taken.attempt, taken.crashes) == (2, 1)
    assert isinstance(lease_one(ledger), Held)


def test_a_suspect_is_taken_over_once(ledger, clock):
    lease_one(ledger, lasts=SECOND)
    clock.advance(SECOND)
    suspect = lease_one(ledger)
    ledger.take_over(suspect, lasts=MINUTE)

    assert isinstance(ledger.take_over(suspect, lasts=MINUTE), Held)


def test_a_late_owner_changes_nothing(ledger, clock):
    late = lease_one(ledger, lasts=SECOND)
    clock.advance(SECOND)
    owner = ledger.take_over(lease_one(ledger), lasts=MINUTE)

    assert ledger.complete([late]) == [False]
    assert not ledger.retry(late, failure(), due=clock.now())
    assert not ledger.release(late, due=clock.now())
    assert not ledger.wait(late, failure(), LETTER, due=clock.now())
    buried = ledger.bury(late.entry, LETTER, reason=Reason.EXHAUSTED, failure=failure(), holder=late)
    assert buried is State.RUNNING
    assert isinstance(lease_one(ledger), Held)
    assert ledger.complete([owner]) == [True]


def test_a_change_that_was_made_can_be_repeated(ledger, clock):
    done, failed, dead = (lease_one(ledger, key) for key in ("done", "failed", "dead"))

    for _ in range(2):
        assert ledger.complete([done]) == [True]
        assert ledger.retry(failed, failure(), due=clock.now())
        assert (
            ledger.bury(dead.entry, LETTER, reason=Reason.REJECTED, failure=failure(), holder=dead)
            is State.DEAD
        )


def test_what_is_dead_does_not_run(ledger):
    lease = lease_one(ledger)

    assert (
        ledger.bury(lease.entry, LETTER, reason=Reason.EXHAUSTED, failure=failure(), holder=lease)
        is State.DEAD
    )
    assert lease_one(ledger) == Closed(state=State.DEAD)


def test_what_never_ran_can_be_buried(ledger):
    assert ledger.bury(entry(), LETTER, reason=Reason.UNDECODABLE, failure=failure(0)) is State.DEAD
    assert ledger.letter(entry()) == LETTER
    assert lease_one(ledger) == Closed(state=State.DEAD)


def test_nobody_buries_what_another_runs_or_has_completed(ledger):
    lease = lease_one(ledger)
    assert ledger.bury(entry(), LETTER, reason=Reason.CRASHED, failure=None) is State.RUNNING

    ledger.complete([lease])
    assert ledger.bury(entry(), LETTER, reason=Reason.CRASHED, failure=None) is State.COMPLETED
    assert lease_one(ledger) == Closed(state=State.COMPLETED)


def test_a_suspect_that_crashed_too_often_is_buried_by_whoever_finds_it(ledger, clock):
    lease_one(ledger, lasts=SECOND)
    clock.advance(SECOND)
    suspect = lease_one(ledger)

    assert (
        ledger.bury(suspect.entry, LETTER, reason=Reason.CRASHED, failure=None, holder=suspect) is State.DEAD
    )
    assert lease_one(ledger) == Closed(state=State.DEAD)


def test_a_long_wait_is_out_of_the_queue_until_it_is_due(ledger, clock):
    assert ledger.wait(lease_one(ledger), failure(), LETTER, due=clock.now() + MINUTE)

    assert lease_one(ledger) == Closed(state=State.WAITING)
    clock.advance(MINUTE)
    assert lease_one(ledger).attempt == 2


def test_what_waits_is_found_when_it_is_due_and_sent_once(ledger, clock):
    later, sooner = clock.now() + 2 * MINUTE, clock.now() + MINUTE
    ledger.wait(lease_one(ledger, "later"), failure(), LETTER, due=later)
    ledger.wait(lease_one(ledger, "sooner"), failure(), LETTER, due=sooner)
    ledger.hold(entry("first"), LETTER, due=sooner)

    assert ledger.waiting(due_before=sooner - SECOND, limit=10) == []
    found = ledger.waiting(due_before=later, limit=10)
    assert [(each.entry.key, each.due, each.attempt) for each in found] in (
        [("sooner", sooner, 1), ("first", sooner, 0), ("later", later, 1)],
        [("first", sooner, 0), ("sooner", sooner, 1), ("later", later, 1)],
    )
    assert [ledger.woken(found[0]), ledger.woken(found[0])] == [True, False]
    assert ledger.letter(found[0].entry) == LETTER
    assert len(ledger.waiting(due_before=later, limit=10)) == 2


def test_a_held_message_starts_when_it_is_due_whether_or_not_it_was_marked_as_woken(ledger, clock):
    due = clock.now() + MINUTE
    assert [ledger.hold(entry(), LETTER, due=due) for _ in range(2)] == [True, True]

    assert lease_one(ledger) == Closed(state=State.WAITING)
    clock.advance(MINUTE)
    assert lease_one(ledger).attempt == 1
    assert not ledger.hold(entry(), LETTER, due=due)


def test_a_message_held_under_a_known_key_leaves_the_body_of_the_first(ledger, clock):
    other = Letter(body='{"n": 2}', sent_at=NEW_YEAR)
    due = clock.now() + MINUTE
    ledger.bury(entry("dead"), LETTER, reason=Reason.REJECTED, failure=None)
    ledger.hold(entry("waiting"), LETTER, due=due)

    assert not ledger.hold(entry("dead"), other, due=due)
    assert not ledger.hold(entry("waiting"), other, due=due + MINUTE)
    assert ledger.letter(entry("dead")) == ledger.letter(entry("waiting")) == LETTER


def test_only_what_has_never_run_can_be_cancelled(ledger, clock):
    due = clock.now() + MINUTE
    ledger.hold(entry("held"), LETTER, due=due)
    ledger.wait(lease_one(ledger, "tried"), failure(), LETTER, due=due)

    assert [ledger.cancel("held"), ledger.cancel("held")] == [True, True]
    assert not ledger.cancel("tried")
    assert not ledger.cancel("unheard of")
    clock.advance(2 * MINUTE)
    assert lease_one(ledger, "held") == Closed(state=State.CANCELLED)
    assert [each.entry.key for each in ledger.waiting(due_before=clock.now(), limit=9)] == ["tried"]
    assert isinstance(lease_one(ledger, "tried"), Lease)


def test_a_copy_that_was_sent_while_its_message_was_cancelled_does_not_run(ledger, clock):
    ledger.hold(entry(), LETTER, due=clock.now())
    [sent] = ledger.waiting(due_before=clock.now(), limit=1)

    assert ledger.cancel("k")

    assert not ledger.woken(sent)
    assert lease_one(ledger) == Closed(state=State.CANCELLED)
    assert ledger.bury(entry(), LETTER, reason=Reason.CRASHED, failure=None) is State.CANCELLED


def test_equal_keys_of_other_consumers_are_others(ledger, other_ledger):
    ledger.complete([lease_one(ledger)])

    assert isinstance(lease_one(other_ledger), Lease)
