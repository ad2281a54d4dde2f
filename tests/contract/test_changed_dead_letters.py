"""The contract of dead letters that are edited, and of those and waiting ones that are taken away, for every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headworks.ledger.dead_letters import Taken
from headworks.ledger.ledger import Closed, Lease, State
from headworks.testing.clock import NEW_YEAR
from tests.support.dead_letters import FULFIL, LASTS, LETTER, MINUTE, OTHER, STORES, entry, stand_on
from tests.support.declarations import SECOND


@pytest.fixture(params=STORES)
def stand(request, clock):
    return stand_on(request, clock)


def test_an_edited_message_is_what_is_sent_and_the_first_one_is_kept_beside_it(stand):
    stand.bury()

    assert stand.dead_letters.edit("k", OTHER, by="ada") is State.DEAD
    assert stand.dead_letters.edit("k", replace(OTHER, body="{}"), by="bob") is State.DEAD

    story = stand.story()
    assert (story.letter.body, story.original, story.edited.by) == ("{}", LETTER, "bob")
    assert stand.put_back().letter.body == "{}"
    assert isinstance(stand.lease(), Lease)


def test_a_claim_with_the_letter_as_it_was_before_an_edit_comes_too_late(stand):
    stand.bury()
    late = stand.claim_one(lasts=SECOND)
    stand.clock.advance(2 * SECOND)

    assert stand.dead_letters.edit("k", OTHER, by="ada") is State.DEAD

    stand.dead_letters.sent([late])
    assert stand.state() is State.DEAD
    assert isinstance(stand.lease(), Closed)
    assert stand.claim_one().letter == OTHER


def test_a_late_copy_does_not_undo_an_edit(stand):
    stand.bury()
    stand.dead_letters.edit("k", OTHER, by="ada")

    stand.bury_unrun(letter=LETTER)

    assert stand.claim_one().letter == OTHER


def test_what_was_edited_and_died_again_is_kept_as_it_died(stand):
    stand.bury()
    stand.dead_letters.edit("k", OTHER, by="ada")
    stand.put_back()
    last = replace(OTHER, sent_at=NEW_YEAR + MINUTE)

    stand.bury(letter=last)

    assert (stand.story().letter, stand.story().original) == (last, LETTER)


def test_only_a_dead_letter_that_nobody_puts_back_can_be_edited(stand):
    stand.lease("running")
    stand.complete("completed")
    stand.bury("claimed")
    stand.claim_one("claimed")

    states = [
        stand.dead_letters.edit(key, OTHER, by="ada") for key in ("running", "completed", "claimed", "x")
    ]

    assert states == [State.RUNNING, State.COMPLETED, State.REPLAYING, None]
    assert stand.story("claimed").letter == LETTER


def test_what_is_taken_away_is_gone(stand):
    stand.bury()
    stand.dead_letters.edit("k", OTHER, by="ada")

    assert stand.dead_letters.take_away("k") == Taken(entry=entry(), was=State.DEAD)

    assert stand.catalogue.find("k", [FULFIL]) == []
    assert stand.ledger.letter(entry()) is None
    assert stand.dead_letters.take_away("k") is None
    assert stand.lease().attempt == 1


def test_what_waits_can_be_taken_away_until_it_is_on_its_way(stand):
    stand.ledger.hold(entry("far"), LETTER, due=stand.clock.now() + 60 * MINUTE)
    stand.ledger.hold(entry("near"), LETTER, due=stand.clock.now() + MINUTE)

    far, near = stand.dead_letters.take_away("far"), stand.dead_letters.take_away("near")

    assert (far, near) == (Taken(entry=entry("far"), was=State.WAITING), State.WAITING)
    assert stand.listed(State.WAITING) == ["near"]


def test_only_what_is_dead_or_waits_can_be_taken_away(stand):
    stand.lease("running")
    stand.complete("completed")
    stand.bury("claimed")
    stand.claim_one("claimed")

    states = [stand.dead_letters.take_away(key) for key in ("running", "completed", "claimed")]

    assert states == [State.RUNNING, State.COMPLETED, State.REPLAYING]
    stand.clock.advance(LASTS)
    assert stand.dead_letters.take_away("claimed") == Taken(entry=entry("claimed"), was=State.DEAD)
