"""The contract of dead letters that are put back, for every store."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.errors import Unavailable
from headworks.ledger.dead_letters import Claim, Refusal
from headworks.ledger.ledger import Closed, Lease, State, Suspect
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.outcome import Reason
from tests.support.dead_letters import LASTS, LETTER, MINUTE, OTHER, STORES, entry, failure, stand_on
from tests.support.declarations import SECOND


@pytest.fixture(params=STORES)
def stand(request, clock):
    return stand_on(request, clock)


def test_what_is_claimed_is_its_letter_and_its_place_in_line(stand):
    stand.bury(attempts=3)

    claim = stand.claim_one()

    assert (claim.entry, claim.letter, claim.number, claim.attempt) == (entry(), LETTER, 1, 3)
    assert claim.ends == stand.clock.now() + LASTS


def test_what_is_claimed_is_still_listed_among_the_dead_with_its_cause(stand):
    stand.bury()
    died_at = stand.story().listed.at

    stand.claim_one()

    listed = stand.story().listed
    assert (listed.state, listed.at, listed.reason) == (State.REPLAYING, died_at, Reason.EXHAUSTED)
    assert stand.listed(State.DEAD) == ["k"]


def test_what_is_claimed_and_never_marked_is_a_dead_letter_again(stand):
    stand.bury()
    stand.claim_one()

    stand.clock.advance(LASTS)

    assert stand.state() is State.DEAD


def test_what_was_sent_is_no_dead_letter_any_more(stand):
    stand.bury()

    stand.put_back()

    assert (stand.listed(State.DEAD), stand.listed(State.RETRYING)) == ([], ["k"])
    assert (stand.story().listed.reason, stand.story().listed.replay) == (None, "rpl_1")


def test_what_was_sent_runs_in_a_fresh_series_and_its_history_goes_on(stand):
    stand.bury(attempts=3)

    stand.put_back()

    lease = stand.lease()
    assert (lease.attempt, lease.earlier, lease.attempt_of_series, lease.replays) == (4, 3, 1, 1)
    assert [each.attempt for each in lease.history] == [1, 2, 3]


def test_what_runs_before_it_is_marked_is_left_alone(stand):
    stand.bury()
    claim = stand.claim_one()
    lease = stand.lease()

    stand.dead_letters.sent([claim])
    stand.dead_letters.give_back([claim])

    assert lease.attempt_of_series == 1
    assert stand.state() is State.RUNNING
    assert stand.ledger.complete([lease]) == [True]


def test_a_message_that_arrives_after_its_claim_has_ended_runs_all_the_same(stand):
    stand.bury()
    stand.claim_one()
    stand.clock.advance(2 * LASTS)

    assert isinstance(stand.lease(), Lease)


def test_what_was_not_sent_is_a_dead_letter_as_before(stand):
    stand.bury()
    before = stand.story().listed

    stand.dead_letters.give_back([stand.claim_one()])

    after = stand.story().listed
    assert (after.state, after.at, after.reason) == (State.DEAD, before.at, before.reason)
    assert isinstance(stand.lease(), Closed)


def test_two_replays_do_not_put_the_same_letter_back(stand):
    stand.bury()
    stand.claim_one(replay="rpl_1")

    assert stand.claim(replay="rpl_2") == [Refusal.BUSY]


def test_a_claim_that_has_ended_is_anybodys(stand):
    stand.bury()
    late = stand.claim_one(replay="rpl_1")
    stand.clock.advance(LASTS)

    claim = stand.claim_one(replay="rpl_2")

    assert claim.sending != late.sending
    stand.dead_letters.give_back([late])
    assert stand.state() is State.REPLAYING
    stand.dead_letters.sent([late])
    assert stand.state() is State.REPLAYING


def test_the_same_replay_claims_again_what_it_has_not_marked_and_counts_it_once(stand):
    stand.bury()
    first = stand.claim_one()

    again = stand.claim_one()

    assert (first.number, again.number) == (1, 1)
    assert first.sending != again.sending
    stand.dead_letters.sent([again])
    assert stand.story().listed.replays == 1
    assert [each.replay for each in stand.story().replayed] == ["rpl_1"]


def test_what_was_given_back_may_be_claimed_again_and_is_counted_once(stand):
    stand.bury()
    first = stand.claim_one()
    stand.dead_letters.give_back([first])
    stand.clock.advance(SECOND)

    again = stand.claim_one(replay="rpl_2")

    assert again.number == 1
    assert first.sending != again.sending
    assert [each.replay for each in stand.story().replayed] == ["rpl_2"]


@pytest.mark.parametrize("becomes", ["retrying", "running", "completed", "dead", "dead without a run"])
def test_a_replay_sends_a_message_once_whatever_becomes_of_it(stand, becomes):
    stand.bury()
    asked_at = stand.clock.now()
    stand.put_back(died_before=asked_at)
    stand.clock.advance(SECOND)
    match becomes:
        case "running":
            stand.lease()
        case "completed":
            stand.complete()
        case "dead":
            stand.bury()
        case "dead without a run":
            assert stand.bury_unrun() is State.DEAD
    stand.clock.advance(SECOND)

    assert stand.claim(died_before=asked_at) == [Refusal.SENT]
    assert stand.claim(died_before=stand.clock.now(), again=True) == [Refusal.SENT]


def test_what_died_after_the_replay_was_asked_for_is_not_its_own(stand):
    asked_at = stand.clock.now()
    stand.bury()

    assert stand.claim(died_before=asked_at) == [Refusal.BUSY]
    assert stand.state() is State.DEAD


@pytest.mark.parametrize("again", [False, True])
def test_what_is_on_its_way_is_not_put_back(stand, again):
    stand.lease("running")
    stand.ledger.retry(stand.lease("retrying"), failure(), due=stand.clock.now())
    stand.ledger.hold(entry("waiting"), LETTER, due=stand.clock.now() + MINUTE)

    assert stand.claim("running", "retrying", "waiting", again=again) == [Refusal.BUSY] * 3


def test_nothing_is_put_back_of_what_nobody_knows(stand):
    stand.ledger.hold(entry("cancelled"), LETTER, due=stand.clock.now() + MINUTE)
    stand.ledger.cancel("cancelled")

    assert stand.claim("nobody's", "cancelled") == [Refusal.GONE, Refusal.GONE]


def test_many_are_claimed_and_marked_at_once_and_answered_in_their_order(stand):
    keys = [f"k{n}" for n in range(60)]
    for key in keys:
        stand.bury(key)
    stand.complete("done")

    answers = stand.claim(*keys[:30], "done", *keys[30:], "k0")

    claims = [each for each in answers if isinstance(each, Claim)]
    assert [each.entry.key for each in claims] == [*keys, "k0"]
    assert answers[30] is Refusal.COMPLETED
    stand.dead_letters.sent(claims[:-1])
    assert sorted(stand.listed(State.RETRYING)) == sorted(keys)


def test_what_a_copy_completed_stays_closed(stand):
    stand.complete()

    assert stand.claim() == [Refusal.COMPLETED]
    assert stand.lease() == Closed(state=State.COMPLETED)


def _dead_replayed_and_completed(stand):
    stand.bury()
    stand.put_back(replay="rpl_0")
    stand.complete()


def test_what_was_completed_runs_again_where_that_is_asked_for_as_another_generation(stand):
    _dead_replayed_and_completed(stand)

    claim = stand.put_back(again=True)

    assert claim.letter == LETTER
    lease = stand.lease()
    assert (lease.generation, lease.attempt_of_series, lease.replays) == (1, 1, 2)
    assert [each.again for each in stand.story().replayed] == [False, True]
    assert stand.ledger.complete([lease]) == [True]
    assert stand.lease() == Closed(state=State.COMPLETED)


def test_a_claim_on_what_was_completed_makes_one_generation_however_often_it_is_made(stand):
    _dead_replayed_and_completed(stand)
    asked_at = stand.clock.now()
    stand.claim_one(again=True, died_before=asked_at)
    stand.clock.advance(2 * LASTS)

    assert stand.listed(State.DEAD) == ["k"]
    stand.put_back(again=True, died_before=asked_at)

    assert (stand.lease().generation, stand.story().listed.replays) == (1, 2)


def test_what_was_completed_and_is_given_back_is_completed(stand):
    _dead_replayed_and_completed(stand)
    asked_at = stand.clock.now()
    claim = stand.claim_one(again=True, died_before=asked_at)

    stand.dead_letters.give_back([claim])

    assert (stand.state(), stand.listed(State.DEAD)) == (State.COMPLETED, [])
    assert stand.lease() == Closed(state=State.COMPLETED)
    stand.clock.advance(SECOND)
    assert stand.put_back(again=True, died_before=asked_at).number == 2
    assert stand.lease().generation == 1


def test_what_was_completed_and_not_kept_can_not_run_again(stand):
    stand.complete()

    assert stand.claim(again=True) == [Refusal.NOT_KEPT]


def test_a_message_is_put_back_no_more_often_than_allowed(stand):
    for n in range(3):
        stand.bury()
        stand.put_back(replay=f"rpl_{n}", most=3)
    stand.bury()

    assert stand.claim(replay="rpl_3", most=3) == [Refusal.TOO_OFTEN]
    assert stand.claim_one(replay="rpl_3", most=None).number == 4


def test_a_message_that_dies_unrun_is_counted_too(stand):
    for n in range(3):
        assert stand.bury_unrun() is State.DEAD
        stand.put_back(replay=f"rpl_{n}", most=3)
    stand.bury_unrun()

    assert stand.claim(replay="rpl_3", most=3) == [Refusal.TOO_OFTEN]


def test_who_put_it_back_when_and_why_is_on_record(stand):
    stand.bury()
    first_at = stand.clock.now()
    stand.put_back(replay="rpl_1", by="ada", reason="the fix is out")
    stand.bury()
    stand.put_back(replay="rpl_2", by="bob")

    first, second = stand.story().replayed
    assert (first.replay, first.by, first.reason, first.at) == ("rpl_1", "ada", "the fix is out", first_at)
    assert (second.replay, second.by, second.reason, second.again) == ("rpl_2", "bob", None, False)


def test_crashes_are_counted_anew(stand):
    stand.lease(lasts=SECOND)
    stand.clock.advance(SECOND)
    taken = stand.ledger.take_over(stand.lease(), lasts=SECOND)
    stand.die(taken)

    stand.put_back()

    assert (taken.crashes, stand.lease(lasts=SECOND).crashes) == (1, 0)
    stand.clock.advance(SECOND)
    suspect = stand.lease()
    assert isinstance(suspect, Suspect)
    assert (suspect.attempt_of_series, suspect.crashes) == (1, 0)


def test_a_run_that_did_not_count_leaves_what_was_put_back_as_it_was(stand):
    assert stand.bury_unrun() is State.DEAD
    stand.put_back()

    stand.ledger.release(stand.lease(), due=stand.clock.now())

    assert stand.story().listed.replays == 1
    lease = stand.lease()
    assert (lease.attempt, lease.replays) == (1, 1)


def test_a_copy_that_is_given_up_while_it_is_being_put_back_is_one_more_death(stand):
    stand.bury()
    claim = stand.claim_one()

    assert stand.bury_unrun() is State.DEAD

    stand.dead_letters.sent([claim])
    assert stand.state() is State.DEAD
    assert stand.claim() == [Refusal.SENT]


def test_what_died_again_keeps_its_new_letter(stand):
    stand.bury(letter=LETTER)
    claim = stand.claim_one()
    stand.bury(letter=OTHER)

    # Its sender is slow, and marks it only now.
    stand.dead_letters.sent([claim])

    stand.clock.advance(timedelta(days=1000))
    assert stand.claim_one(replay="rpl_2").letter == OTHER


def test_a_store_that_does_not_answer_is_no_refusal(clock):
    ledger = MemoryLedger(clock)
    ledger.down = True

    with pytest.raises(Unavailable):
        MemoryDeadLetters(ledger, clock).take_away("k")
