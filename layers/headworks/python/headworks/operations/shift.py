"""One worker's time with a replay: from where the last one left it until it has ended or time is up."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.ledger.catalogue import MOST_LISTED, Address, Filter
from headworks.ledger.dead_letters import Refusal
from headworks.ledger.ledger import State
from headworks.operations.dry_run import MOST_COUNTED, addresses_of, stories_of, what_had_died
from headworks.operations.putting_back import PuttingBack
from headworks.operations.replay_store import Member
from headworks.operations.replays import (
    FAILED_AGAIN_AT_LEAST,
    FAILED_AGAIN_SHARE,
    Standing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headworks.operations.putting_back import Came
    from headworks.operations.replay_store import Job, Progress
    from headworks.operations.replaying import ReplayParts
    from headworks.operations.replays import Replay
    from headworks.queue import Queue

# How long a worker has a replay to itself, unless it goes on.
LEASE = timedelta(minutes=1)
# A chunk is begun only with so much time left.
MARGIN = timedelta(seconds=4)
# Letters in hand between two records of progress, and put back together.
MOST_IN_HAND = 200
MOST_AT_ONCE = 50
# Under a rate limit, what is sent in so many seconds: progress shows, and a stop is obeyed.
SECONDS_IN_HAND = 2
# Failures are counted no more often, and in no more than a tenth of the time.
COUNTING = timedelta(seconds=3)
COUNTING_SHARE = 10
# After so many looks in which nothing could be sent, a replay gives up.
MOST_FAILURES = 10
NEVER_SENT = "its messages can't be put on the queue: {error}"


class Shift:
    """One shift.  Killed at any point, what it had in hand is the next one's first work."""

    def __init__(
        self,
        parts: ReplayParts,
        queue: Queue,
        job: Job,
        worker: str,
        remaining: Callable[[], timedelta],
    ) -> None:
        self._parts = parts
        self._queue = queue
        self._request = job.replay.request
        self._asked_at = job.replay.asked_at
        self._job = job
        self._progress = job.progress
        self._worker = worker
        self._remaining = remaining
        self._addresses = addresses_of(queue, self._request)
        self._count_again_at = parts.clock.now()
        self._putting_back = PuttingBack(
            parts=parts, queue=queue, request=self._request, asked_at=self._asked_at
        )
        self._is_over = False

    def work(self) -> Replay:
        """Carry it on.  Raises `Unavailable`; whoever comes next begins with what was in hand then."""
        try:
            return self._carry_on()
        except Unavailable:
            with suppress(Unavailable):
                self._leave(self._job.progress)
            raise

    def _carry_on(self) -> Replay:
        is_redo = bool(self._progress.in_hand)
        while self._has_time():
            if not self._progress.in_hand:
                self._count_failures()
                if (why := self._must_stop()) is not None:
                    return self._end(Standing.STOPPED, why)
                if self._is_done():
                    return self._end(Standing.FINISHED, None)
                if not self._take_in_hand():
                    return self._job.told
            self._work_off(is_redo=is_redo)
            is_redo = False
        self._leave(self._progress)
        return self._job.told

    def _leave(self, progress: Progress) -> None:
        self._progress = progress
        self._save(until=self._parts.clock.now())

    def _has_time(self) -> bool:
        if self._is_over or self._job.replay.standing is not Standing.RUNNING:
            return False
        return self._remaining() > MARGIN and self._rest() < self._remaining() - MARGIN

    def _rest(self) -> timedelta:
        """How long the rate limit has it wait."""
        ahead = self._progress.not_before - self._parts.clock.now().timestamp()
        return timedelta(seconds=max(ahead, 0))

    def _must_stop(self) -> str | None:
        failed, sent = self._progress.failed_again, self._progress.sent
        if self._progress.failures >= MOST_FAILURES:
            return NEVER_SENT.format(error=self._progress.last_error)
        if self._request.stop_after is not None:
            return f"{failed:,} have failed again" if failed >= self._request.stop_after else None
        if failed >= FAILED_AGAIN_AT_LEAST and failed >= FAILED_AGAIN_SHARE * sent:
            return f"{failed:,} of {sent:,} have failed again"
        return None

    def _is_done(self) -> bool:
        """Whether everything was sent that is to be sent; otherwise a list that has ended is begun anew."""
        progress = self._progress
        if self._request.first is not None and progress.sent >= self._request.first:
            return True
        if not progress.read_all:
            return False
        # A list may be behind, and a claim of somebody who died ends: one more look, until it finds nothing.
        if not (progress.moved if not self._request.selection.names else progress.given_back):
            return True
        self._progress = replace(
            progress,
            cursor=None,
            names_left=None,
            read_all=False,
            moved=False,
            given_back=False,
            looks=progress.looks + 1,
        )
        self._putting_back.held_up.clear()
        return False

    def _take_in_hand(self) -> bool:
        """Find the next letters, and write down which; false if this replay is somebody else's, or at an end."""
        if self._request.selection.names:
            self._take_names()
        else:
            self._take_listed()
        return self._save(until=self._parts.clock.now() + LEASE)

    def _take_listed(self) -> None:
        page = self._parts.catalogue.page(
            State.DEAD,
            self._addresses,
            only=what_had_died(self._request, self._asked_at),
            limit=self._most_in_hand(),
            cursor=self._progress.cursor,
            oldest_first=True,
        )
        members = tuple(Member(consumer=each.address.consumer, key=each.entry.key) for each in page.items)
        self._progress = replace(
            self._progress, in_hand=members, cursor=page.cursor, read_all=page.cursor is None
        )

    def _take_names(self) -> None:
        """The next names' letters, those of the first dead first."""
        names = self._request.selection.names
        left = self._progress.names_left
        if left is None:
            left = self._in_order_of_death(names)
        some, left = left[: self._most_in_hand()], left[self._most_in_hand() :]
        found = stories_of(self._parts.catalogue, [names[index] for index in some], self._addresses)
        members = {
            Member(consumer=each.listed.address.consumer, key=each.listed.entry.key): None
            for stories in found
            for each in stories
        }
        gone = sum(not stories for stories in found)
        self._progress = replace(self._progress, in_hand=tuple(members), names_left=left, read_all=not left)
        if not self._progress.looks:
            selected = (self._progress.selected or 0) + len(members) + gone - len(some)
            self._progress = replace(self._progress, selected=selected)
            self._skip(Refusal.GONE, gone)

    def _in_order_of_death(self, names: Sequence[str]) -> tuple[int, ...]:
        never = datetime.max.replace(tzinfo=UTC)
        stories = stories_of(self._parts.catalogue, names, self._addresses)
        deaths = [min((each.listed.at or never for each in some), default=never) for some in stories]
        return tuple(sorted(range(len(names)), key=lambda index: deaths[index]))

    def _most_in_hand(self) -> int:
        most = MOST_IN_HAND
        if self._request.rate is not None:
            most = min(most, max(1, math.ceil(self._request.rate * SECONDS_IN_HAND)))
        if self._request.first is not None:
            most = min(most, max(1, self._request.first - self._progress.sent))
        return most

    def _work_off(self, *, is_redo: bool) -> None:
        """Put back what is in hand, as far as there is time."""
        sent_before, errors = self._progress.sent, 0
        while self._progress.in_hand and self._has_time():
            self._parts.pause(self._rest().total_seconds())
            began = self._parts.clock.now()
            some = self._progress.in_hand[:MOST_AT_ONCE]
            by_consumer: dict[str, list[str]] = {}
            for member in some:
                by_consumer.setdefault(member.consumer, []).append(member.key)
            for consumer, keys in by_consumer.items():
                came = self._putting_back.put_back(Address(self._queue.name, consumer), keys)
                self._count(came, is_redo=is_redo)
                self._pace(came.sent, began)
                errors += len(came.errors)
            self._progress = replace(self._progress, in_hand=self._progress.in_hand[len(some) :])
        if self._progress.sent > sent_before:
            self._progress = replace(self._progress, failures=0)
        elif errors:
            # The queue takes nothing now: the next shift tries again.
            self._progress = replace(self._progress, failures=self._progress.failures + 1)
            self._is_over = True

    def _count(self, came: Came, *, is_redo: bool) -> None:
        """Count what became of letters.

        Of what is found a second time only what was sent is new; and of what a shift before this one had in
        hand it may have sent some, which nobody has counted.
        """
        sent = came.sent + (came.refused[Refusal.SENT] if is_redo else 0)
        if not self._progress.looks:
            for refusal, number in came.refused.items():
                self._skip(refusal, number)
        progress = self._progress
        self._progress = replace(
            progress,
            sent=progress.sent + sent,
            moved=progress.moved or bool(sent or came.errors),
            given_back=progress.given_back or bool(came.errors),
            last_error=came.errors[0] if came.errors else progress.last_error,
        )

    def _pace(self, sent: int, began: datetime) -> None:
        """Say when the next may be sent, so that no more than `rate` go a second; sending takes a part of that time."""
        if self._request.rate is not None:
            not_before = max(self._progress.not_before, began.timestamp()) + sent / self._request.rate
            self._progress = replace(self._progress, not_before=not_before)

    def _skip(self, refusal: Refusal, number: int) -> None:
        if refusal is not Refusal.SENT:
            skipped = self._progress.skipped
            more = {refusal.value: getattr(skipped, refusal.value) + number}
            self._progress = replace(self._progress, skipped=replace(skipped, **more))

    def _count_failures(self, *, at_once: bool = False) -> None:
        """Count its messages that have failed again: dead since it was asked for, or on their way to another attempt."""
        began = self._parts.clock.now()
        if began < self._count_again_at and not at_once:
            return
        catalogue, replay = self._parts.catalogue, self._request.id
        dead = catalogue.count(
            State.DEAD, self._addresses, only=Filter(replay=replay, since=self._asked_at), most=MOST_COUNTED
        )
        on_their_way = sum(
            each.attempt > each.earlier
            for state in (State.RETRYING, State.WAITING)
            for each in catalogue.page(
                state, self._addresses, only=Filter(replay=replay), limit=MOST_LISTED
            ).items
        )
        failed = max(dead.number + on_their_way, self._progress.failed_again)
        self._progress = replace(self._progress, failed_again=failed)
        took = self._parts.clock.now() - began
        self._count_again_at = began + max(COUNTING, took * COUNTING_SHARE)

    def _save(self, *, until: datetime) -> bool:
        """Write down how far it has come; false if it is somebody else's now, or was stopped."""
        id_ = self._request.id
        job = self._parts.store.save(id_, self._worker, self._progress, until=until)
        self._job = job or self._parts.store.read(id_) or self._job
        return job is not None and job.replay.standing is Standing.RUNNING

    def _end(self, standing: Standing, because: str | None) -> Replay:
        self._count_failures(at_once=True)
        now = self._parts.clock.now()
        if self._save(until=now):
            ended = self._parts.store.end(self._request.id, standing, because=because, at=now)
            self._job = ended or self._job
        return self._job.told
