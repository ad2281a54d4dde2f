"""The queue declaration: the single source of truth of what is carried and how it is treated."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from headworks import naming
from headworks.errors import InvalidQueue, excerpt
from headworks.retry import RetryPolicy

# AWS's limits (Amazon SQS quotas, AWS Lambda quotas, "Using Lambda with Amazon SQS").
MAX_LAMBDA_TIMEOUT = timedelta(minutes=15)
MAX_VISIBILITY = timedelta(hours=12)
MAX_BATCH_WINDOW = timedelta(minutes=5)
MAX_RETENTION = timedelta(days=14)
MAX_BATCH_STANDARD = 10_000
MAX_BATCH_FIFO = 10
MAX_BATCH_WITHOUT_WINDOW = 10
MAX_INVOCATION_BYTES = 6 * 1024 * 1024
MIN_MAPPING_CONCURRENCY, MAX_MAPPING_CONCURRENCY = 2, 1000
MAX_RECEIVE_LIMIT = 1000

MAX_MESSAGE_BYTES = 1024 * 1024

# Ours.
RECORD_OVERHEAD_BYTES = 2 * 1024
FUNCTION_MARGIN = timedelta(seconds=5)
MIN_RECEIVE_LIMIT_STANDARD = 100
MIN_DEFERRALS_PER_ATTEMPT = 5
# A wait up to this long is the transport's; a longer one leaves the queue (on FIFO none does).
LONGEST_WAIT_IN_QUEUE = timedelta(seconds=60)
# What a producer may ask for.
LONGEST_DELAY = timedelta(days=365)
# Bodies of dead letters that are kept until somebody deletes them: no lifecycle rule takes them.
KEPT_PREFIX = "kept/"
# Tables and buckets forget by days.
SHORTEST_RETENTION = timedelta(days=1)
# How long before dead letters expire somebody is told.
EXPIRY_NOTICE = timedelta(days=3)
# What a paused source sends is due when nobody will wait for it: somebody lets it go before.
KEPT_BACK = timedelta(days=36_525)
QUEUE_RETENTION = timedelta(days=12)
# A drain of a stream is started once an interval, which EventBridge Scheduler may miss by a minute,
# and takes messages until its successor does.  Each of a consumer's drains has a schedule.
DRAIN_INTERVAL = timedelta(minutes=1)
DRAIN_LIFE = DRAIN_INTERVAL + timedelta(seconds=65)
MAX_DRAINS = 50

_FUNCTION = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What to carry, and how to treat it.

    `payload` is the type that a message's data must be: a dataclass, a msgspec Struct, a
    pydantic model, `bytes`, `typing.Any` or `msgspec.Raw` (JSON as it was written).
    `consumers` name the function packages that take the messages; each gets every one of
    them, with retries and dead letters of its own.  `emits` names the queues that they send
    to, and of each new dead letter of theirs the queue `announces_dead_to` gets a message
    (`headworks.announcements.Announcement`).  Over the `transport` redis messages travel in a
    millisecond, and a failover can lose the last of them; where a deployment has no Redis, they go
    over SQS.  There, `drains` is how many functions take a consumer's messages at any time.
    Only the pipeline's own routes, edges and functions send to an `internal` queue: the
    producer API refuses it.  `timeout` is the
    time that one run of the handler may take; `concurrency` is how many records of a batch run at once in one
    function, and `max_concurrency` how many functions run at once.  `key_path` names the
    field of a plain JSON body (a dotted path) that is its idempotency key;
    `deduplicate="content"` makes the key from the content.  A body over
    `claim_check_over_bytes` travels through the bucket.  A message whose process dies more
    than `max_crashes` times is dead.  Dead letters are kept until somebody deletes them, or
    expire after `dead_letters_kept_for`.  Everything else that AWS wants to know is derived
    from these.
    """

    name: str
    payload: Any
    consumers: tuple[str, ...]
    emits: tuple[str, ...] = ()
    announces_dead_to: Queue | None = None
    internal: bool = False
    transport: Literal["sqs", "redis"] = "sqs"
    fifo: bool = False
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: timedelta = timedelta(seconds=30)
    deduplicate: Literal["key", "content"] = "key"
    deduplication_window: timedelta = timedelta(hours=24)
    expires_after: timedelta | None = None
    key_path: str | None = None
    batch_size: int = 10
    batch_window: timedelta = timedelta(0)
    concurrency: int = 10
    max_concurrency: int = 10
    drains: int = 1
    claim_check_over_bytes: int = 192 * 1024
    memory_mb: int = 256
    max_crashes: int = 3
    dead_letters_kept_for: timedelta | None = None

    def __post_init__(self) -> None:
        _check_names(self)
        _check_batch(self)
        _check_concurrency(self)
        _check_times(self)
        _check_lives(self)

    @property
    def function_timeout(self) -> timedelta:
        """How long one invocation may run: every record's turn, and time to settle."""
        turns = math.ceil(self.batch_size / self.concurrency)
        return self.timeout * turns + FUNCTION_MARGIN

    @property
    def visibility_timeout(self) -> timedelta:
        """How long a received message stays hidden: six function timeouts plus the window, as AWS advises."""
        return 6 * self.function_timeout + self.batch_window

    @property
    def drain_timeout(self) -> timedelta:
        """How long a drain of its stream may run: its life, and the last batch that it has taken."""
        return DRAIN_LIFE + self.batch_window + self.function_timeout

    @property
    def receive_limit(self) -> int:
        """Receives after which SQS itself moves a message to the dead-letter queue.

        A net, not the attempt limit: throttles, crashes and deferrals count as receives too.
        """
        if self.fifo:
            return MAX_RECEIVE_LIMIT
        return max(MIN_RECEIVE_LIMIT_STANDARD, self.retry.max_attempts * self.batch_size)

    @property
    def retention(self) -> timedelta:
        """How long SQS keeps a message that nobody takes; under the dead-letter queue's, whose clock starts at the send."""
        return QUEUE_RETENTION

    @property
    def dead_letter_retention(self) -> timedelta:
        """How long the dead-letter queue keeps one: the longest that SQS offers."""
        return MAX_RETENTION

    @property
    def memory_of_keys(self) -> timedelta:
        """How long a completed key is remembered: longer than any late copy of its message can live."""
        return self.retention + self.dead_letter_retention + timedelta(days=1)

    @property
    def body_prefix(self) -> str:
        """Where claim-checked bodies lie in the bucket, by the days that they are needed."""
        return f"{math.ceil(self.memory_of_keys / timedelta(days=1))}d/"

    @property
    def memory_of_waits(self) -> timedelta:
        """How long the body of a message that waits out of the queue is needed: its longest delay, every wait
        that its handler may ask for, and the life of its last copy.
        """
        waits = self.retry.longest_delay * (self.retry.max_attempts - 1)
        return LONGEST_DELAY + waits + self.memory_of_keys

    @property
    def waiting_prefix(self) -> str:
        """Where the bodies of messages that wait lie in the bucket, by the days that they are needed."""
        return f"{math.ceil(self.memory_of_waits / timedelta(days=1))}d/"

    @property
    def memory_of_the_dead(self) -> timedelta | None:
        """How long the body of a dead letter is needed, if not for good: one that is put back on its last day, too."""
        return (
            None if self.dead_letters_kept_for is None else self.dead_letters_kept_for + self.memory_of_keys
        )

    @property
    def kept_prefix(self) -> str:
        """Where the bodies of dead letters lie in the bucket: for good, or by the days that they are needed."""
        life = self.memory_of_the_dead
        return KEPT_PREFIX if life is None else f"{math.ceil(life / timedelta(days=1))}d/"

    @property
    def expiry_notice(self) -> timedelta:
        """How long before its dead letters expire somebody is told."""
        kept_for = self.dead_letters_kept_for or timedelta(0)
        return min(EXPIRY_NOTICE, kept_for / 10)

    @property
    def oldest_age_alarm(self) -> timedelta:
        """The age at which the oldest message is too old: its retries in the queue and a visibility timeout are over."""
        return self._longest_story_in_queue + self.visibility_timeout + timedelta(minutes=5)

    @property
    def _longest_story_in_queue(self) -> timedelta:
        """All the waits that a message spends in the queue; a longer one takes it out, and its age begins anew."""
        waits = [delay for delay in self.retry.used_delays if self.fifo or delay <= LONGEST_WAIT_IN_QUEUE]
        return sum(waits, timedelta()) * (1 + self.retry.jitter)

    @property
    def is_fanned_out(self) -> bool:
        """Whether several consumers take each message: then a topic stands before their queues."""
        return len(self.consumers) > 1

    @property
    def topic_variable(self) -> str:
        """The environment variable that holds the ARN of the topic of a queue with several consumers."""
        return naming.variable("TOPIC_ARN", self.name)

    def url_variable(self, consumer: str) -> str:
        """The environment variable that holds the URL of the queue that this consumer takes from."""
        return naming.variable("QUEUE_URL", self._name_of(consumer))

    def dead_letter_url_variable(self, consumer: str) -> str:
        """The environment variable that holds the URL of this consumer's dead-letter queue."""
        return naming.variable("DEAD_LETTER_QUEUE_URL", self._name_of(consumer))

    def resource_id_of(self, consumer: str) -> str:
        """This consumer's own queue as CDK construct ids are written."""
        return naming.resource_id(self._name_of(consumer))

    @property
    def resource_id(self) -> str:
        """The queue's name as CDK construct ids are written."""
        return naming.resource_id(self.name)

    def _name_of(self, consumer: str) -> str:
        """This consumer's own queue: the only one's is the queue itself."""
        return f"{self.name}__{consumer}" if self.is_fanned_out else self.name


def _check_names(queue: Queue) -> None:
    if not naming.is_name(queue.name) or len(queue.name) > 60:
        raise InvalidQueue(
            f"{excerpt(queue.name)} isn't a queue's name: lower-case words joined by hyphens, at most 60 characters"
        )
    for consumer in queue.consumers:
        if not _FUNCTION.fullmatch(consumer):
            raise InvalidQueue(
                f"{queue.name}: {excerpt(consumer)} isn't a function package: name it verb_object"
            )
    if not queue.consumers:
        raise InvalidQueue(f"{queue.name}: no consumer is declared, so nobody would take its messages")
    if len(set(queue.consumers)) != len(queue.consumers):
        raise InvalidQueue(f"{queue.name}: a consumer is declared twice")
    target = queue.announces_dead_to
    if target is not None and target.fifo:
        raise InvalidQueue(
            f"{queue.name}: dead letters have no ordering key to be announced under, and {target.name} is ordered"
        )


def _check_batch(queue: Queue) -> None:
    largest = MAX_BATCH_FIFO if queue.fifo else MAX_BATCH_STANDARD
    if not 1 <= queue.batch_size <= largest:
        raise InvalidQueue(f"{queue.name}: a batch of {queue.batch_size} is outside 1 to {largest}")
    if queue.fifo and queue.batch_window:
        raise InvalidQueue(f"{queue.name}: Lambda has no batch window on a FIFO queue")
    if queue.batch_size > MAX_BATCH_WITHOUT_WINDOW and queue.batch_window < timedelta(seconds=1):
        raise InvalidQueue(f"{queue.name}: a batch of {queue.batch_size} needs a batch window of 1 s or more")
    if not timedelta(0) <= queue.batch_window <= MAX_BATCH_WINDOW or queue.batch_window.microseconds:
        raise InvalidQueue(
            f"{queue.name}: a batch window of {queue.batch_window} isn't whole seconds from 0 to 5 minutes"
        )
    record_bytes = queue.claim_check_over_bytes + RECORD_OVERHEAD_BYTES
    if not 0 < record_bytes <= MAX_MESSAGE_BYTES:
        raise InvalidQueue(
            f"{queue.name}: messages of {queue.claim_check_over_bytes:,} bytes don't fit SQS's 1 MiB"
        )
    if queue.batch_size * record_bytes > MAX_INVOCATION_BYTES:
        raise InvalidQueue(
            f"{queue.name}: {queue.batch_size} messages of up to {queue.claim_check_over_bytes:,} bytes can pass Lambda's "
            f"6 MB payload; {MAX_INVOCATION_BYTES // record_bytes} fit, or claim-check smaller ones"
        )


def _check_concurrency(queue: Queue) -> None:
    if queue.concurrency < 1:
        raise InvalidQueue(f"{queue.name}: a concurrency of {queue.concurrency} inside a batch runs nothing")
    if not 1 <= queue.drains <= MAX_DRAINS:
        raise InvalidQueue(f"{queue.name}: {queue.drains} drains are outside 1 to {MAX_DRAINS}")
    if queue.drains > 1 and queue.transport != "redis":
        raise InvalidQueue(
            f"{queue.name}: {queue.drains} drains would take from redis, and the queue travels over {queue.transport}: "
            "there max_concurrency says how many functions run at once"
        )
    if not MIN_MAPPING_CONCURRENCY <= queue.max_concurrency <= MAX_MAPPING_CONCURRENCY:
        raise InvalidQueue(
            f"{queue.name}: a max_concurrency of {queue.max_concurrency} is outside Lambda's 2 to 1000"
        )


def _check_times(queue: Queue) -> None:
    if queue.timeout < timedelta(seconds=1):
        raise InvalidQueue(f"{queue.name}: a timeout of {queue.timeout} is under a second")
    if queue.function_timeout > MAX_LAMBDA_TIMEOUT:
        raise InvalidQueue(
            f"{queue.name}: {queue.batch_size} records, {queue.concurrency} at a time, {queue.timeout} each, "
            f"take {queue.function_timeout}: over Lambda's 15 minutes"
        )
    if queue.transport == "redis" and queue.drain_timeout > MAX_LAMBDA_TIMEOUT:
        raise InvalidQueue(
            f"{queue.name}: a drain takes messages for {DRAIN_LIFE} and its last batch takes "
            f"{queue.function_timeout + queue.batch_window}: over Lambda's 15 minutes"
        )
    if queue.visibility_timeout > MAX_VISIBILITY:
        raise InvalidQueue(
            f"{queue.name}: the visibility timeout of {queue.visibility_timeout} is over SQS's 12 hours"
        )
    # SQS counts from the receive, so the run itself takes its share; other queues' long waits leave the queue.
    if queue.fifo and queue.retry.longest_delay + queue.function_timeout > MAX_VISIBILITY:
        raise InvalidQueue(
            f"{queue.name}: a wait of {queue.retry.longest_delay} and the run before it pass SQS's 12 hours of "
            "invisibility, and a FIFO message can't wait anywhere else"
        )
    if queue.fifo and queue.retry.longest_story > queue.retention / 2:
        raise InvalidQueue(
            f"{queue.name}: retries over {queue.retry.longest_story} come near the retention of {queue.retention}"
        )
    if (
        queue.retry.max_attempts * queue.batch_size * MIN_DEFERRALS_PER_ATTEMPT > MAX_RECEIVE_LIMIT
        and queue.fifo
    ):
        raise InvalidQueue(
            f"{queue.name}: {queue.retry.max_attempts} attempts of {queue.batch_size} neighbours come near the "
            f"receive limit of {MAX_RECEIVE_LIMIT}: messages could die without having run"
        )
    if queue.max_crashes < 0:
        raise InvalidQueue(f"{queue.name}: {queue.max_crashes} crashes can't be allowed")


def _check_lives(queue: Queue) -> None:
    kept_for = queue.dead_letters_kept_for
    if kept_for is not None and kept_for < SHORTEST_RETENTION:
        raise InvalidQueue(
            f"{queue.name}: dead letters that are kept for {kept_for} are gone before anybody looks: "
            f"{SHORTEST_RETENTION.days} day is the least"
        )
    if queue.deduplication_window <= timedelta(0):
        raise InvalidQueue(
            f"{queue.name}: a deduplication window of {queue.deduplication_window} remembers nothing"
        )
    if queue.expires_after is not None and queue.expires_after <= timedelta(0):
        raise InvalidQueue(
            f"{queue.name}: messages that expire after {queue.expires_after} are dead at birth"
        )
