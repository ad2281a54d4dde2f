"""Where a queue's things lie in Redis: all under one hash tag, so that one script call reaches them."""

from __future__ import annotations

from dataclasses import dataclass, field

GROUP = "headworks"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one queue; `namespace` keeps pipelines apart that share a server."""

    queue: str
    namespace: str = ""

    @property
    def tag(self) -> str:
        """What the cluster hashes, braces and all."""
        return f"{{{self.namespace}/{self.queue}}}" if self.namespace else f"{{{self.queue}}}"

    @property
    def accepted_prefix(self) -> str:
        """What stands before an idempotency key: the string there is the id that was accepted under it."""
        return f"{self.tag}:key:"

    @property
    def cancelled_prefix(self) -> str:
        """What stands before an idempotency key under which a message was taken back a moment ago."""
        return f"{self.tag}:cancelled:"

    @property
    def counts(self) -> str:
        """What came in."""
        return f"{self.tag}:counts"

    def of(self, consumer: str) -> ConsumerKeys:
        """One consumer's own keys."""
        return ConsumerKeys(f"{self.tag}:{consumer}")


@dataclass(frozen=True, slots=True)
class ConsumerKeys:
    """The keys of one consumer of a queue; docs/redis.md says what each holds."""

    prefix: str
    stream: str = field(init=False)
    due: str = field(init=False)
    held: str = field(init=False)
    busy: str = field(init=False)
    counts: str = field(init=False)
    state: str = field(init=False)
    dead: str = field(init=False)
    done: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("stream", "due", "held", "busy", "counts", "state", "dead"):
            object.__setattr__(self, name, f"{self.prefix}:{name}")
        object.__setattr__(self, "done", (f"{self.prefix}:done:0", f"{self.prefix}:done:1"))

    @property
    def places(self) -> tuple[str, ...]:
        """Where a message can be, as the scripts want them: stream, due, held, busy, counts."""
        return (self.stream, self.due, self.held, self.busy, self.counts)

    def parked(self, ordering_key: str) -> str:
        """What waits behind the holder of an ordering key."""
        return f"{self.prefix}:parked:{ordering_key}"
