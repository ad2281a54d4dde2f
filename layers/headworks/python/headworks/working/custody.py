"""What a worker has of a queue on SQS: hidden from others, and leased in the ledger while it runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headworks.brokers.broker import Delivery
    from headworks.brokers.sqs_visibility import SqsVisibility
    from headworks.ledger.ledger import Lease, Ledger
    from headworks.telemetry import Log

# ChangeMessageVisibility: in all, from the receive.  Over it is an error, so a minute less.
LONGEST_HIDDEN = timedelta(hours=12) - timedelta(minutes=1)
# What has less than this part of its time left is given all of it again: two beats may fail.
RENEWED_BELOW = 0.75


@dataclass(slots=True, kw_only=True)
class _Held:
    """A delivery, and until when it is ours: by SQS, and by the ledger once it is leased."""

    delivery: Delivery
    received: float
    hidden_until: float
    lease: Lease | None = None
    leased_until: float = 0.0
    is_lost: bool = False


class Custody:
    """Deliveries from their receipt until they are settled.  For any thread; `beat` is the heartbeat's.

    A message that is quick costs nothing here: it is settled before its time is half over.
    """

    def __init__(
        self,
        visibility: SqsVisibility,
        ledger: Ledger,
        *,
        lease: timedelta,
        queue: str,
        log: Log,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lease = lease
        self._visibility = visibility
        self._ledger = ledger
        self._queue = queue
        self._log = log
        self._now = now
        self._held: dict[str, _Held] = {}
        # While a beat is under way nothing is settled: it would hide what has just been given back.
        self._beating = Lock()

    @property
    def size(self) -> int:
        """How many it has."""
        return len(self._held)

    def take(self, deliveries: Sequence[Delivery], *, asked_at: float) -> None:
        """These were received, hidden for a lease from when they were asked for, or later."""
        until = asked_at + self.lease.total_seconds()
        for each in deliveries:
            self._held[each.receipt] = _Held(delivery=each, received=asked_at, hidden_until=until)

    def leased(self, delivery: Delivery, lease: Lease) -> None:
        """It may run under this lease of the ledger's."""
        held = self._held.get(delivery.receipt)
        if held is not None and held.lease is not lease:
            held.lease = lease
            held.leased_until = self._now() + self.lease.total_seconds()

    def may_start(self, delivery: Delivery) -> bool:
        """Whether it is ours, as far as we can know: ask right before it is started."""
        held = self._held.get(delivery.receipt)
        if held is None or held.is_lost:
            return False
        until = held.hidden_until if held.lease is None else held.leased_until
        return self._now() < until

    def let_go(self, deliveries: Sequence[Delivery]) -> None:
        """They are about to be settled, or given back."""
        with self._beating:
            for each in deliveries:
                self._held.pop(each.receipt, None)

    def beat(self) -> None:
        """Keep what would soon be somebody else's.  Raises `Unavailable`."""
        with self._beating:
            held = list(self._held.values())
            try:
                self._extend_leases(held)
            finally:
                self._hide(held)

    def _extend_leases(self, held: Sequence[_Held]) -> None:
        ending = [each for each in held if each.lease is not None and self._is_ending(each.leased_until)]
        if not ending:
            return
        until = self._now() + self.lease.total_seconds()
        leases = [each.lease for each in ending if each.lease is not None]
        for each, answer in zip(ending, self._ledger.extend(leases, lasts=self.lease), strict=True):
            if answer:
                each.leased_until = until

    def _hide(self, held: Sequence[_Held]) -> None:
        ending = [each for each in held if not each.is_lost and self._is_ending(each.hidden_until)]
        by_time: dict[timedelta, list[_Held]] = {}
        for each in ending:
            left = each.received + LONGEST_HIDDEN.total_seconds() - self._now()
            lasts = min(self.lease, timedelta(seconds=int(left)))
            if lasts >= timedelta(seconds=1):
                by_time.setdefault(lasts, []).append(each)
            else:
                self._lose(each, "SQS hides no message for more than 12 h: it is handed out again")
        for lasts, some in by_time.items():
            until = self._now() + lasts.total_seconds()
            refused = self._visibility.hide([each.delivery for each in some], lasts)
            for each in some:
                if each.delivery.receipt in refused:
                    self._lose(each, "it can't be hidden any longer: it is handed out again")
                else:
                    each.hidden_until = until

    def _is_ending(self, until: float) -> bool:
        return until - self._now() < self.lease.total_seconds() * RENEWED_BELOW

    def _lose(self, held: _Held, what: str) -> None:
        """Its run, if there is one, goes on under the ledger's lease, and no copy of it runs beside it."""
        held.is_lost = True
        self._log(Action.TROUBLE, what=what, queue=self._queue, message_id=held.delivery.id)
