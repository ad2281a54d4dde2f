"""Putting letters back: claimed, sent, marked, in that order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.brokers.broker import Resending
from headworks.errors import MissingObject, Unavailable, Undecodable
from headworks.ledger.dead_letters import Claim, Putting, Refusal
from headworks.letters import whole_letter
from headworks.operations.replays import MOST_REPLAYS
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from headworks.ledger.catalogue import Address
    from headworks.ledger.ledger import Letter
    from headworks.operations.replaying import ReplayParts
    from headworks.operations.replays import ReplayRequest
    from headworks.queue import Queue

# How long a letter is claimed for; one whose claim is about to end isn't sent: somebody else may take it.
CLAIM = timedelta(minutes=2)
CLAIM_MARGIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What became of some letters: how many are on the queue, who was refused, and why others aren't there."""

    sent: int
    refused: Counter[Refusal]
    errors: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class PuttingBack:
    """One replay's way of putting letters back.

    `held_up` are ordering keys of which a message couldn't be sent: its later ones don't overtake it.
    """

    parts: ReplayParts
    queue: Queue
    request: ReplayRequest
    asked_at: datetime
    held_up: set[tuple[str, str]] = field(default_factory=set)

    def put_back(self, address: Address, keys: Sequence[str]) -> Came:
        """Put one consumer's letters back, in the order of their keys.  What isn't on the queue is given back."""
        dead_letters = self.parts.dead_letters(address)
        answers = dead_letters.claim(keys, self._putting(), lasts=CLAIM)
        refused = Counter(each for each in answers if isinstance(each, Refusal))
        claims = [each for each in answers if isinstance(each, Claim)]
        errors: dict[str, str] = {}
        sendings = self._readied(address, claims, refused, errors)
        errors |= self._send(address, sendings)
        on_queue = [claim for claim, _ in sendings if claim.token not in errors]
        dead_letters.sent(on_queue)
        sent = {claim.token for claim in on_queue}
        dead_letters.give_back([claim for claim in claims if claim.token not in sent])
        for claim in claims:
            if claim.token in sent or claim.token in errors:
                self._tell(address, claim, errors.get(claim.token))
        return Came(sent=len(on_queue), refused=refused, errors=tuple(errors.values()))

    def _readied(
        self, address: Address, claims: Sequence[Claim], refused: Counter[Refusal], errors: dict[str, str]
    ) -> list[tuple[Claim, Resending]]:
        """What can be sent, with its body; the others are counted, or why they can't be is kept (by token)."""
        sendings: list[tuple[Claim, Resending]] = []
        for claim in claims:
            try:
                letter = whole_letter(self.parts.claim_check(self.queue), claim.letter)
            except (MissingObject, Undecodable):
                refused[Refusal.NOT_KEPT] += 1
            except Unavailable as error:
                errors[claim.token] = str(error)
                self._hold_up(address, claim)
            else:
                sendings.append((claim, _resending(claim, letter)))
        return sendings

    def _send(self, address: Address, sendings: Sequence[tuple[Claim, Resending]]) -> dict[str, str]:
        """Why claims (by token) aren't on the queue."""
        latest = self.parts.clock.now() + CLAIM_MARGIN
        errors: dict[str, str] = {}
        sendable: list[tuple[Claim, Resending]] = []
        for claim, resending in sendings:
            if self._is_held_up(address, claim):
                errors[claim.token] = "an earlier message of its ordering key isn't on the queue"
            elif claim.ends < latest:
                errors[claim.token] = "its claim is about to end"
                self._hold_up(address, claim)
            else:
                sendable.append((claim, resending))
        answers = self.parts.broker(address).resend_all([resending for _, resending in sendable])
        for (claim, _), error in zip(sendable, answers, strict=True):
            if error is not None:
                errors[claim.token] = error
                self._hold_up(address, claim)
        return errors

    def _putting(self) -> Putting:
        return Putting(
            replay=self.request.id,
            by=self.request.by,
            at=self.parts.clock.now(),
            died_before=self.asked_at,
            reason=self.request.reason,
            again=self.request.again,
            most=None if self.request.any_number else MOST_REPLAYS,
        )

    def _hold_up(self, address: Address, claim: Claim) -> None:
        if self.queue.fifo and claim.letter.ordering_key is not None:
            self.held_up.add((address.consumer, claim.letter.ordering_key))

    def _is_held_up(self, address: Address, claim: Claim) -> bool:
        return (address.consumer, claim.letter.ordering_key) in self.held_up

    def _tell(self, address: Address, claim: Claim, error: str | None) -> None:
        self.parts.log(
            Action.QUEUED if error is None else Action.NOT_QUEUED,
            queue=address.queue,
            consumer=address.consumer,
            message_id=claim.entry.message_id,
            replay=claim.replay,
            error_message=error,
        )


def _resending(claim: Claim, letter: Letter) -> Resending:
    return Resending(
        name=claim.entry.message_id,
        letter=letter,
        sending=claim.sending,
        tenant=claim.entry.tenant,
        # What nobody could read is known by the transport's name alone (`Entry.unread`).
        names_itself=bool(claim.entry.type),
    )
