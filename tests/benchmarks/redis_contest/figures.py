"""What a contest brought: every value of every round, their medians, and whether the goals are met."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.redis_contest.contestants import OURS

RAW = "raw XADD, pipelined"
PLAIN = "plain"
WITH_AOF = "AOF everysec"
REDIS_7 = "Redis 7, plain"
CLUSTERED = "Redis 7, cluster and TLS"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What was asked for, and what came of it."""

    claim: str
    wanted: float
    reached: float

    @property
    def is_met(self) -> bool:
        return self.reached >= self.wanted


@dataclass
class Figures:
    """Values by setting, contestant and measure."""

    values: dict[tuple[str, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    troubles: dict[str, str] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)

    def add(self, setting: str, contestant: str, measure: str, value: float) -> None:
        self.values[setting, contestant, measure].append(value)

    def of(self, setting: str, contestant: str, measure: str) -> float | None:
        """The median of its rounds; none where it wasn't measured."""
        values = self.values.get((setting, contestant, measure))
        return median(values) if values else None

    def settings(self) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(setting for setting, _, _ in self.values))

    def contestants(self, setting: str) -> list[str]:
        """Whoever was measured there, without the raw limit."""
        there = dict.fromkeys(name for where, name, _ in self.values if where == setting)
        return [name for name in there if name != RAW]

    def goals(self) -> list[Goal]:
        """Those that can be judged by what was measured, each as a ratio."""
        found = [self._beside_peers(PLAIN, *goal) for goal in _BESIDE_PEERS]
        ours, raw = self.of(PLAIN, OURS, "drain"), self.of(PLAIN, RAW, "xadd")
        if ours and raw:
            found.append(Goal(claim="drained, beside raw XADD", wanted=0.10, reached=ours / raw))
        for measure in ("drain", "batch"):
            plain, clustered = self.of(REDIS_7, OURS, measure), self.of(CLUSTERED, OURS, measure)
            if plain and clustered:
                claim = f"{_WORDS[measure]}, cluster and TLS beside plain"
                found.append(Goal(claim=claim, wanted=0.60, reached=clustered / plain))
        return [goal for goal in found if goal]

    def _beside_peers(
        self, setting: str, claim: str, measure: str, theirs: str, wanted: float
    ) -> Goal | None:
        ours = self.of(setting, OURS, measure)
        peers = [self.of(setting, name, theirs) for name in self.contestants(setting) if name != OURS]
        known = [each for each in peers if each]
        if ours is None or not known:
            return None
        # Of waits the least is the best.
        reached = min(known) / ours if measure == "p99" else ours / max(known)
        return Goal(claim=f"{claim} (best: {self._best(setting, theirs)})", wanted=wanted, reached=reached)

    def _best(self, setting: str, measure: str) -> str:
        found = {name: self.of(setting, name, measure) for name in self.contestants(setting) if name != OURS}
        known = {name: value for name, value in found.items() if value}
        return (min if measure == "p99" else max)(known, key=known.__getitem__)


_WORDS = {"drain": "drained", "batch": "sent in batches"}
# The claim, what is compared of ours and of theirs, and how many times as good it is to be.
_BESIDE_PEERS = (
    ("drained, beside the best peer", "drain", "drain", 4.0),
    ("sent in batches, beside the best peer", "batch", "batch", 1.5),
    ("sent in batches of messages made before, beside the best peer's of its own", "ready", "batch", 1.5),
    ("sent one by one, beside the best peer", "single", "single", 1.0),
    ("p99 at 200 a second, the best peer's beside ours", "p99", "p99", 1.0),
    ("drained in the order of 100 keys, beside the best peer without order", "drain, 100 keys", "drain", 2.0),
)
