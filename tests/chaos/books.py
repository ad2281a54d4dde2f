"""The checker: from what was accepted, leased, run and done, whether anything was lost or done twice.

Everything comes from outside of the processes under test: a sender knows what was accepted,
a witness what was done, the ledger's store what it was asked to write, Lambda who died.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from headworks.ledger.ledger import State
from headworks.outcome import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from headworks.ledger.item import Item

ENDED = (State.COMPLETED, State.DEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that its sender was told is safe; `ordering_key` where its queue keeps order."""

    key: str
    ordering_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened to a key in a process: a lease, a run, an effect, a record of one.

    `attempt` is the attempt that it belongs to, 0 where nobody can tell.
    """

    key: str
    process: str
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the ledger says of a key in the end.

    Attempts, failures and crashes are those since the last replay; `earlier` are the attempts before it.
    """

    state: State
    attempt: int
    failures: int
    crashes: int
    reason: Reason | None = None
    earlier: int = 0
    replays: int = 0

    @classmethod
    def of(cls, item: Item, reason: Reason | None, *, now: datetime | None = None) -> Standing:
        """A memory ledger's item; a claim that is over leaves a dead letter."""
        is_over = (
            item.state is State.REPLAYING and item.due is not None and now is not None and item.due <= now
        )
        return cls(
            state=State.DEAD if is_over else item.state,
            attempt=item.attempt - item.earlier,
            failures=sum(each.attempt > item.earlier for each in item.history),
            crashes=item.crashes,
            reason=reason,
            earlier=item.earlier,
            replays=item.replays,
        )

    @property
    def is_accounted(self) -> bool:
        """Whether failures, counted crashes and perhaps a last run that wasn't judged make its attempts."""
        unjudged = self.attempt - self.failures - self.crashes
        if self.reason is Reason.CRASHED:
            return unjudged in (0, 1)
        return unjudged == (self.state in (State.RUNNING, State.COMPLETED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the books don't balance by: keys, each with what is wrong.

    `repeated` isn't wrong: effects that happened again because a process died in the named
    gap, after the effect and before its record.
    """

    lost: Mapping[str, str] = field(default_factory=dict)
    twice: Mapping[str, str] = field(default_factory=dict)
    out_of_order: Mapping[str, str] = field(default_factory=dict)
    stuck: Mapping[str, str] = field(default_factory=dict)
    miscounted: Mapping[str, str] = field(default_factory=dict)
    repeated: Mapping[str, int] = field(default_factory=dict)

    @property
    def faults(self) -> dict[str, Mapping[str, str]]:
        """The kinds of fault that there are, by their names."""
        kinds = {
            "lost": self.lost,
            "twice": self.twice,
            "out of order": self.out_of_order,
            "stuck": self.stuck,
            "miscounted": self.miscounted,
        }
        return {kind: keys for kind, keys in kinds.items() if keys}


@dataclass(slots=True, kw_only=True)
class Books:
    """Everything that was written down.

    `leases` are those that the store granted (a run that is given back in `returned`),
    `runs` the handler's starts, `effects` what the world saw, `records` the completions
    that the store took; all in the order in which they happened.  `dead` names the
    processes that died, `unanswered` (key, process) where an answer of the store was lost.
    `left` are keys still on a queue, `given_up` those that SQS moved to a dead-letter queue.

    The named gap: an effect may happen again only if its process died (or lost the store's
    answer) after it, and the store has no record of it from that process.
    """

    attempts: int
    most_crashes: int
    accepted: list[Accepted] = field(default_factory=list)
    leases: list[Step] = field(default_factory=list)
    returned: list[Step] = field(default_factory=list)
    runs: list[Step] = field(default_factory=list)
    effects: list[Step] = field(default_factory=list)
    records: list[Step] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    unanswered: set[tuple[str, str]] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    left: Sequence[str] = ()

    def close(self) -> Verdicts:
        """Balance them, once nothing moves any more."""
        twice, repeated = self._repeats()
        return Verdicts(
            lost=self._lost(),
            twice=twice,
            out_of_order=self._out_of_order(),
            stuck=self._stuck(),
            miscounted=self._miscounted(),
            repeated=repeated,
        )

    def _lost(self) -> dict[str, str]:
        happened = {effect.key for effect in self.effects}
        kept = {key for key, each in self.standings.items() if each.state is not State.COMPLETED}
        missing = [each.key for each in self.accepted if each.key not in happened | kept | set(self.left)]
        return {key: f"accepted, and the ledger says {self._state_of(key)}" for key in missing}

    def _repeats(self) -> tuple[dict[str, str], dict[str, int]]:
        twice: dict[str, str] = {}
        repeated: Counter[str] = Counter()
        for key, effects in _by_key(self.effects).items():
            for first, second in pairwise(effects):
                if self._was_in_the_gap(first):
                    repeated[key] += 1
                else:
                    twice[key] = f"by {first.process}, which had its record or lived, and by {second.process}"
        return twice, dict(repeated)

    def _was_in_the_gap(self, effect: Step) -> bool:
        recorded = any(effect == each for each in self.records)
        return self._is_broken(effect) and not recorded

    def _is_broken(self, step: Step) -> bool:
        return step.process in self.dead or (step.key, step.process) in self.unanswered

    def _out_of_order(self) -> dict[str, str]:
        wrong: dict[str, str] = {}
        place = {each.key: index for index, each in enumerate(self.accepted)}
        lanes: dict[str, list[str]] = defaultdict(list)
        # What was replayed runs behind what was queued meanwhile.
        replayed = {key for key, each in self.standings.items() if each.replays}
        ordering_keys = {each.key: each.ordering_key for each in self.accepted if each.key not in replayed}
        for effect in self.effects:
            if (lane := ordering_keys.get(effect.key)) is not None:
                lanes[lane].append(effect.key)
        for lane, keys in lanes.items():
            for first, second in pairwise(keys):
                if place[first] > place[second]:
                    wrong[second] = f"after {first} of {lane}, which was accepted later"
        return wrong

    def _stuck(self) -> dict[str, str]:
        happened = {effect.key for effect in self.effects}
        open_ones = {
            key: f"the ledger says {each.state}"
            for key, each in self.standings.items()
            # A completion that never reached the store leaves its item running until it is forgotten.
            if each.state not in ENDED and not (each.state is State.RUNNING and key in happened)
        }
        return {**open_ones, **dict.fromkeys(self.left, "it is still on a queue")}

    def _miscounted(self) -> dict[str, str]:
        leases, returned, runs = _by_key(self.leases), _by_key(self.returned), _by_key(self.runs)
        complaints = {
            key: self._lease_complaint(standing, leases[key], returned[key])
            or self._run_complaint(leases[key], runs[key])
            or self._death_complaint(standing, runs[key], given_up=key in self.given_up)
            for key, standing in self.standings.items()
        }
        return {key: complaint for key, complaint in complaints.items() if complaint}

    def _lease_complaint(self, standing: Standing, leases: list[Step], returned: list[Step]) -> str | None:
        counted, broken = len(leases) - len(returned) - standing.earlier, sum(map(self._is_broken, leases))
        if standing.attempt != counted:
            return f"attempt {standing.attempt} after {counted} leases that weren't given back"
        if not standing.is_accounted:
            return f"{standing.failures} failures and {standing.crashes} crashes make no {standing.attempt} attempts"
        if standing.crashes > broken:
            return f"{standing.crashes} crashes counted, and {broken} leases were broken"
        if standing.attempt > self.attempts + standing.crashes:
            return f"{standing.attempt} attempts of {self.attempts}, with {standing.crashes} crashes"
        return None

    def _run_complaint(self, leases: list[Step], runs: list[Step]) -> str | None:
        if Counter(runs) - Counter(leases):
            return "it ran without a lease, or twice with one"
        return None

    def _death_complaint(self, standing: Standing, runs: list[Step], *, given_up: bool) -> str | None:
        if standing.reason is Reason.EXHAUSTED and standing.attempt < self.attempts:
            return f"exhausted after {standing.attempt} of {self.attempts} attempts"
        if standing.reason in (Reason.EXHAUSTED, Reason.REJECTED) and not runs:
            return f"{standing.reason}, and it never ran"
        if standing.reason is not Reason.CRASHED or given_up:
            return None
        if standing.attempt == standing.failures + standing.crashes or standing.crashes != self.most_crashes:
            return f"dead of {standing.crashes} crashes and the last; {self.most_crashes} are allowed"
        return None

    def _state_of(self, key: str) -> str:
        standing = self.standings.get(key)
        return "nothing of it" if standing is None else str(standing.state)


def _by_key(steps: Iterable[Step]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        found[step.key].append(step)
    return found
