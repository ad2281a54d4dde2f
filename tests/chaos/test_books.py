"""The checker finds each fault in cooked books, and none in honest ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headworks.ledger.ledger import State
from headworks.outcome import Reason
from tests.chaos.books import Accepted, Books, Standing, Step

DONE = Standing(state=State.COMPLETED, attempt=1, failures=0, crashes=0)


def step(key="a", process="p", attempt=1):
    return Step(key=key, process=process, attempt=attempt)


def done_once(*keys, ordering_key=None):
    """Honest books: each key accepted, run and done in its turn."""
    steps = [step(key) for key in keys]
    return Books(
        attempts=3,
        most_crashes=3,
        accepted=[Accepted(key=key, ordering_key=ordering_key) for key in keys],
        leases=list(steps),
        runs=list(steps),
        effects=list(steps),
        records=list(steps),
        standings=dict.fromkeys(keys, DONE),
    )


def crashed_once(*, recorded=False):
    """A process died after its effect, and another one did it again."""
    again = step(process="q", attempt=2)
    return Books(
        attempts=3,
        most_crashes=3,
        accepted=[Accepted(key="a")],
        leases=[step(), again],
        runs=[step(), again],
        effects=[step(), again],
        records=[step(), again] if recorded else [again],
        dead={"p"},
        standings={"a": replace(DONE, attempt=2, crashes=1)},
    )


def dead(reason, **fields):
    return Standing(
        **{"state": State.DEAD, "attempt": 3, "failures": 3, "crashes": 0, **fields}, reason=reason
    )


def exhausted():
    """Tried three times, in three processes, and given up."""
    steps = [step(process=f"p{n}", attempt=n) for n in (1, 2, 3)]
    return Books(
        attempts=3,
        most_crashes=3,
        accepted=[Accepted(key="a")],
        leases=list(steps),
        runs=list(steps),
        standings={"a": dead(Reason.EXHAUSTED)},
    )


@pytest.mark.parametrize("books", [done_once("a", "b", ordering_key="k"), exhausted()])
def test_honest_books_balance(books):
    verdicts = books.close()

    assert verdicts.faults == {}
    assert verdicts.repeated == {}


def faults_of(books):
    return {kind: list(keys) for kind, keys in books.close().faults.items()}


def test_what_was_accepted_and_nobody_knows_of_is_lost():
    books = done_once("a", "b")
    books.effects, books.standings = books.effects[:1], {"a": DONE}

    assert faults_of(books) == {"lost": ["b"]}


def test_what_is_completed_without_its_effect_is_lost():
    books = done_once("a", "b")
    books.effects = books.effects[:1]

    assert faults_of(books) == {"lost": ["b"]}


def test_what_was_never_accepted_is_not_missed():
    books = done_once("a")
    books.accepted = []

    assert faults_of(books) == {}


def test_an_effect_of_two_processes_that_both_lived_is_twice():
    books = done_once("a")
    books.effects.append(step(process="q"))

    assert faults_of(books) == {"twice": ["a"]}


def test_an_effect_again_after_a_death_in_the_gap_is_told_and_no_fault():
    verdicts = crashed_once().close()

    assert verdicts.faults == {}
    assert verdicts.repeated == {"a": 1}


def test_an_effect_again_after_its_record_was_written_is_twice_whoever_died():
    assert faults_of(crashed_once(recorded=True)) == {"twice": ["a"]}


def test_a_death_elsewhere_excuses_nothing():
    books = crashed_once()
    books.dead = {"q"}

    assert faults_of(books)["twice"] == ["a"]


def test_an_effect_again_after_the_stores_answer_was_lost_is_told_and_no_fault():
    books = crashed_once()
    books.dead, books.unanswered = set(), {("a", "p")}

    assert books.close().faults == {}
    assert books.close().repeated == {"a": 1}


def test_effects_of_an_ordering_key_in_another_order_than_accepted_are_out_of_order():
    books = done_once("a", "b", ordering_key="k")
    books.effects.reverse()

    assert faults_of(books) == {"out of order": ["a"]}


def test_an_effect_again_after_the_next_one_of_its_ordering_key_is_out_of_order():
    books = crashed_once()
    books.accepted = [Accepted(key="a", ordering_key="k"), Accepted(key="b", ordering_key="k")]
    for steps in (books.leases, books.runs, books.effects, books.records):
        steps.insert(1, step("b"))
    books.standings = {**books.standings, "b": DONE}

    assert faults_of(books) == {"out of order": ["a"]}


def test_order_is_nothing_between_ordering_keys():
    books = done_once("a", "b")
    books.accepted = [Accepted(key="a", ordering_key="k"), Accepted(key="b", ordering_key="l")]
    books.effects.reverse()

    assert faults_of(books) == {}


@pytest.mark.parametrize("state", [State.RETRYING, State.WAITING, State.REPLAYING])
def test_what_waits_for_ever_is_stuck(state):
    books = exhausted()
    books.standings = {"a": Standing(state=state, attempt=3, failures=3, crashes=0)}

    assert faults_of(books) == {"stuck": ["a"]}


def test_what_runs_for_ever_is_stuck_unless_its_effect_happened():
    books = exhausted()
    books.standings = {"a": Standing(state=State.RUNNING, attempt=3, failures=2, crashes=0)}
    assert faults_of(books) == {"stuck": ["a"]}

    books.effects = [step(process="p3", attempt=3)]
    assert faults_of(books) == {}


def test_what_is_left_on_a_queue_is_stuck():
    books = done_once("a")
    books.left = ["a"]

    assert faults_of(books) == {"stuck": ["a"]}


@pytest.mark.parametrize(
    "standing",
    [
        dead(Reason.EXHAUSTED, attempt=2),
        dead(Reason.EXHAUSTED, failures=2),
        dead(Reason.EXHAUSTED, failures=2, crashes=1),
        dead(Reason.CRASHED, failures=2),
    ],
    ids=["one too few", "a failure isn't kept", "a crash that nobody died of", "too few crashes"],
)
def test_an_attempt_more_or_less_is_a_miscount(standing):
    books = exhausted()
    books.standings = {"a": standing}

    assert faults_of(books) == {"miscounted": ["a"]}


def test_giving_up_before_the_last_attempt_is_a_miscount():
    books = exhausted()
    books.attempts = 4

    assert faults_of(books) == {"miscounted": ["a"]}


def test_more_attempts_than_declared_are_a_miscount():
    books = exhausted()
    books.attempts = 2

    assert faults_of(books) == {"miscounted": ["a"]}


def test_a_run_without_a_lease_is_a_miscount():
    books = exhausted()
    books.runs.append(step(process="p4", attempt=3))

    assert faults_of(books) == {"miscounted": ["a"]}


def test_dying_without_having_run_is_a_miscount():
    books = exhausted()
    books.runs = []

    assert faults_of(books) == {"miscounted": ["a"]}


def test_a_lease_that_was_given_back_is_no_attempt():
    books = done_once("a")
    books.leases.insert(0, step(process="o"))
    books.returned.append(step(process="o"))

    assert faults_of(books) == {}
