"""Mistakes in what becomes of a batch."""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

CONSUMER = "tests/unit/test_consumer.py"
WHOLE_BATCH = "tests/unit/test_whole_batch.py"
QUEUE = "tests/unit/test_queue.py"
DECLARED = "tests/unit/testing/test_declared_queues.py"

A_BATCH = (
    Bug(
        "equal keys in a batch both run",
        (CONSUMER,),
        (
            Swap(
                "batch.py",
                "Batch._run_unordered",
                "firsts.setdefault(opened.message.idempotency_key, opened)",
                "firsts.setdefault(delivery.id, opened)",
            ),
        ),
    ),
    Bug(
        "a suspect runs among its neighbours",
        (CONSUMER,),
        (
            Swap(
                "batch.py",
                "Batch._admit",
                "self._suspects.append((opened, answer, []))",
                "self._start(self._shop.pool, partial(self._run_one, opened, "
                "self._shop.ledger.take_over(answer, lasts=self._remaining())))",
            ),
        ),
    ),
    Bug(
        "a handler of batches that names failures has failed whole",
        (WHOLE_BATCH,),
        (
            Swap(
                "whole_batch.py",
                "WholeBatch._errors",
                "return error.errors",
                "return dict.fromkeys(messages, error)",
            ),
        ),
    ),
    Bug(
        "a failure that names a stranger leaves the others done",
        (WHOLE_BATCH,),
        (Swap("whole_batch.py", "WholeBatch._errors", "**dict.fromkeys(messages, unknown), ", ""),),
    ),
    Bug(
        "a batch that has no time left is started",
        (WHOLE_BATCH,),
        (
            Swap(
                "whole_batch.py",
                "WholeBatch._run_whole",
                "< self._shop.queue.timeout",
                "< self._shop.queue.timeout * 0",
            ),
        ),
    ),
    Bug(
        "a suspect runs before its neighbours are settled for good",
        (CONSUMER,),
        (Swap("batch.py", "Batch.run", "explicitly=bool(self._suspects)", "explicitly=False"),),
    ),
    Bug(
        "a message may kill once more than is declared",
        (CONSUMER,),
        (Swap("batch.py", "Batch._retake", "suspect.crashes + 1 >", "suspect.crashes >"),),
    ),
    Bug(
        "a completion that failed is a retry",
        (CONSUMER,),
        (
            Swap(
                "completions.py",
                "",
                "from headworks.errors import Unavailable",
                "from headworks import outcome; from headworks.errors import Unavailable",
            ),
            Swap(
                "completions.py",
                "Completions.tell",
                "each.opened, each.verdict,",
                "each.opened, outcome.Retry(after=SETTLING, error=KeyError()) if each in pending else each.verdict,",
            ),
        ),
    ),
    Bug(
        "a completion that failed isn't tried again",
        (CONSUMER,),
        (Swap("completions.py", "", "COMPLETION_ROUNDS = 4", "COMPLETION_ROUNDS = 1"),),
    ),
    Bug(
        "what has finished waits for a slow neighbour to be recorded",
        ("tests/unit/test_batch.py", CONSUMER),
        (Swap("batch.py", "", "LULL = timedelta(milliseconds=2)", "LULL = timedelta(hours=1)"),),
    ),
    Bug(
        "a lease outlives its invocation",
        (CONSUMER,),
        (Swap("batch.py", "Batch._lease", "lasts=self._lasts()", "lasts=timedelta(hours=1)"),),
    ),
    Bug(
        "a handler starts that can't finish in time",
        (CONSUMER,),
        (Swap("batch.py", "Batch._attempt", "self._remaining() < self._shop.queue.timeout", "False"),),
    ),
    Bug(
        "a run that wasn't started keeps its attempt",
        (CONSUMER,),
        (
            Swap(
                "processing.py",
                "Processing.give_back",
                "self._ledger.release(lease, due=self._clock.now())",
                "pass",
            ),
        ),
    ),
    Bug(
        "the function returns while a handler runs",
        (CONSUMER,),
        (Swap("batch.py", "Batch._abandon", "self._shop.exit_process(1)", "pass"),),
    ),
    Bug(
        "a delivery without an outcome is let go of",
        (CONSUMER,),
        (Swap("batch.py", "Batch.run", "kept=kept | self._unsettled(deliveries)", "kept=kept"),),
    ),
    Bug(
        "what failed is reported out of the order of the batch",
        (CONSUMER,),
        (
            Swap(
                "consumer.py",
                "_ConcurrentBatch.process",
                "for record in self.records",
                "for record in self.records[::-1]",
            ),
        ),
    ),
)

FIFO = (
    Bug(
        "mates of a failed message stay hidden (FIFO)",
        (CONSUMER,),
        (Swap("batch.py", "Batch._hold_back", "for delivery in rest", "for delivery in ()"),),
    ),
    Bug(
        "an ordering key goes on after its failure (FIFO)",
        (CONSUMER,),
        (
            Swap(
                "batch.py",
                "Batch._run_lane",
                "isinstance(settled.outcome, outcome.Retry | outcome.Defer)",
                "False",
            ),
        ),
    ),
    Bug(
        "mates overtake a suspect (FIFO)",
        (CONSUMER,),
        (Swap("batch.py", "Batch._run_lane", "if settled is None: return", "if settled is None: continue"),),
    ),
    Bug(
        "a failing customer holds back the others (FIFO)",
        (CONSUMER,),
        (
            Swap(
                "batch.py",
                "Batch._run_ordered",
                "lanes.setdefault(delivery.ordering_key,",
                "lanes.setdefault(None,",
            ),
        ),
    ),
    Bug(
        "the receive limit is the attempts and three (FIFO)",
        (DECLARED, QUEUE),
        (
            Swap(
                "queue.py",
                "Queue.receive_limit",
                "return MAX_RECEIVE_LIMIT",
                "return self.retry.max_attempts + 3",
            ),
        ),
    ),
)

VERDICTS = (
    Bug(
        "dead is told before the ledger has it",
        (CONSUMER,),
        (
            Swap(
                "processing.py",
                "Processing.record",
                "verdict = outcome.Defer(after=wait, why=str(error))",
                "verdict = ended.verdict",
            ),
        ),
    ),
    Bug(
        "what can't be read is let go of before the ledger has it",
        (CONSUMER,),
        (
            Swap(
                "processing.py",
                "Processing._bury_unrun",
                "outcome.Defer(after=wait, why=str(trouble))",
                "outcome.Dead(reason=reason, error=error)",
            ),
        ),
    ),
    Bug(
        "a late owner lets go of a message that another runs",
        ("tests/chaos/test_copies.py",),
        (
            Swap(
                "processing.py",
                "Processing._recorded",
                "if state is not State.DEAD: return self._too_late(ended)",
                "",
            ),
        ),
    ),
    Bug(
        "an expired message is run",
        (CONSUMER,),
        (Swap("processing.py", "Processing.open", "message.is_expired(self._clock.now())", "False"),),
    ),
    Bug(
        "trouble of our own stores is an attempt",
        (CONSUMER,),
        (Swap("outcome.py", "judge", "case errors.Unavailable():", "case errors.Unavailable() if False:"),),
    ),
    Bug(
        "receives are taken for attempts",
        (CONSUMER,),
        (
            Swap(
                "processing.py",
                "Processing.judged",
                "error, attempt=lease.attempt",
                "error, attempt=opened.delivery.receive_count",
            ),
        ),
    ),
    Bug(
        "what SQS gave up on is buried while somebody runs it",
        ("tests/functional/bury_crashed/test_burial.py",),
        (Swap("burying.py", "Undertaker.bury", "state is State.RUNNING", "False"),),
    ),
)
