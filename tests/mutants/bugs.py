"""The bugs that are planted: each would break a promise, and each must make a test fail."""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

CONSUMER = "tests/unit/test_consumer.py"
BROKER = "tests/unit/test_sqs_broker.py"
PRODUCER = "tests/unit/test_producer.py"
LEDGERS = "tests/contract/test_ledger.py"
LAYOUT = "tests/contract/test_ledger_layout.py"
QUEUE = "tests/unit/test_queue.py"
WAKING = "tests/unit/test_waking.py"
DECLARED = "tests/unit/testing/test_declared_queues.py"

THE_EDGE = (
    Bug(
        "the edge remembers before it sends",
        (PRODUCER,),
        (
            Swap(
                "producer.py",
                "Producer._send",
                "held = self._is_held(delay)",
                "self._remember(fresh, {n: Accepted(message_id=each.message.id) for n, each in fresh.items()}, now); "
                "held = self._is_held(delay)",
            ),
        ),
    ),
    Bug(
        "the producer's answers are out of the order of its input",
        (PRODUCER,),
        (
            Swap(
                "producer.py",
                "Producer.send_batch",
                "[answers[index] for index in range(len(candidates))]",
                "list(answers.values())",
            ),
        ),
    ),
    Bug(
        "a delayed message waits with the first of several consumers only",
        (PRODUCER,),
        (
            Swap(
                "producer.py",
                "Producer._hold_one",
                "for ledger in self._ledgers",
                "for ledger in self._ledgers[:1]",
            ),
        ),
    ),
    Bug(
        "an honest repeat after its window is taken for a duplicate",
        (PRODUCER,),
        (Swap("producer.py", "_next_epoch", "remembered.epoch + 1", "remembered.epoch"),),
    ),
)

SENDING = (
    Bug(
        "a broker's answers are out of the order of its input",
        (BROKER,),
        (Swap("brokers/sqs.py", "SqsBroker.send", "zip(messages, errors,", "zip(messages, errors[::-1],"),),
    ),
    Bug(
        "one global ordering key",
        (BROKER,),
        (
            Swap(
                "brokers/sending.py",
                "new_entry",
                "group_id(message.ordering_key)",
                "group_id(queue.name)",
            ),
        ),
    ),
    Bug(
        "two messages of one ordering key in a call",
        (BROKER,),
        (Swap("brokers/sending.py", "Sending._calls", "group not in closed", "group"),),
    ),
    Bug(
        "a message overtakes an earlier one of its key that couldn't be sent",
        (BROKER,),
        (Swap("brokers/sending.py", "Sending.send", "lost_groups.add(group)", "pass"),),
    ),
    Bug(
        "what was sent is sent again with what failed",
        (BROKER,),
        (
            Swap(
                "brokers/sending.py",
                "Sending._send_call",
                "for index, each in failed.items() if not",
                "for index in pending for each in failed.values() if not",
            ),
        ),
    ),
    Bug(
        "a FIFO message goes back under the deduplication id of its first sending",
        (BROKER,),
        (Swap("brokers/sqs.py", "SqsBroker.resend", "sending=sending", "sending=0"),),
    ),
    Bug(
        "a message comes back without its ordering key",
        (BROKER,),
        (Swap("brokers/sqs.py", "SqsBroker.resend", "letter.ordering_key or name", "name"),),
    ),
)

WAITS = (
    Bug(
        "milliseconds where SQS takes seconds, of a wait",
        (BROKER,),
        (
            Swap(
                "brokers/sqs.py", "SqsBroker.settle", "after.total_seconds()", "after.total_seconds() * 1000"
            ),
        ),
    ),
    Bug(
        "milliseconds where SQS takes seconds, of a delay",
        (BROKER,),
        (
            Swap(
                "brokers/sqs.py",
                "SqsBroker._checked_delay",
                "delay.total_seconds()",
                "delay.total_seconds() * 1000",
            ),
        ),
    ),
    Bug(
        "seconds where the ledger has milliseconds",
        (LAYOUT,),
        (Swap("ledger/layout.py", "milliseconds", "* 1000", "* 1"),),
        emulated=True,
    ),
    Bug(
        "a waiting message is let go of before it is sent",
        (WAKING,),
        (
            Swap(
                "waking.py",
                "Waker._wake",
                "error = self.broker.resend(",
                "self.ledger.woken(waiting); error = self.broker.resend(",
            ),
        ),
    ),
    Bug(
        "each sending of a waiting message has the same number",
        (WAKING,),
        (Swap("waking.py", "Waker._wake", "sending=waiting.attempt + 1", "sending=1"),),
    ),
    Bug(
        "a FIFO message is woken ahead of its time",
        (WAKING,),
        (Swap("waking.py", "Waker._horizon", "NO_DELAY if self.queue.fifo else", ""),),
    ),
    Bug(
        "a long wait is spent in flight",
        (CONSUMER,),
        (
            Swap(
                "processing.py",
                "Processing._recorded",
                "self._queue.fifo or after <= LONGEST_WAIT_IN_QUEUE",
                "after",
            ),
        ),
    ),
    Bug(
        "a retry runs before it is due",
        (LEDGERS,),
        (Swap("ledger/item.py", "Item.may_start", "now + CLOCK_SLACK >= self.due", "True"),),
    ),
)

THE_LEDGER = (
    Bug(
        "an attempt that ended in a crash isn't counted (memory)",
        (LEDGERS,),
        (
            Swap(
                "ledger/memory.py",
                "MemoryLedger.take_over",
                "crashes=item.crashes + 1",
                "crashes=item.crashes + 1, attempt=item.attempt - 1",
            ),
        ),
    ),
    Bug(
        "an attempt that ended in a crash isn't counted (DynamoDB)",
        (LEDGERS,),
        (
            Swap(
                "ledger/dynamodb.py",
                "DynamoDBLedger._start",
                '":one": number(1)',
                '":one": number(0 if ":dead_owner" in values else 1)',
            ),
        ),
        emulated=True,
    ),
    Bug(
        "a takeover is no crash (memory)",
        (LEDGERS,),
        (Swap("ledger/memory.py", "MemoryLedger.take_over", "crashes=item.crashes + 1", "owner=item.owner"),),
    ),
    Bug(
        "a takeover is no crash (DynamoDB)",
        (LEDGERS,),
        (
            Swap(
                "ledger/dynamodb.py",
                "DynamoDBLedger.take_over",
                '":crashes": number(1)',
                '":crashes": number(0)',
            ),
        ),
        emulated=True,
    ),
    Bug(
        "a lease is taken over while its owner lives",
        (LEDGERS,),
        (
            Swap(
                "ledger/item.py",
                "Item.answer",
                "self.state is State.RUNNING and now >= self.ends",
                "self.state is State.RUNNING",
            ),
        ),
    ),
    Bug(
        "a completion asks for no owner (memory)",
        (LEDGERS,),
        (
            Swap(
                "ledger/memory.py",
                "MemoryLedger._change",
                "item is None or item.owner != lease.owner or item.attempt != lease.attempt",
                "item is None",
            ),
        ),
    ),
    Bug(
        "a completion asks for no owner (DynamoDB)",
        (LEDGERS,),
        (
            Swap("ledger/dynamodb.py", "", 'AND "owner" = ? AND "attempt" = ?', ""),
            Swap(
                "ledger/dynamodb.py",
                "DynamoDBLedger._completion",
                "string(self.identity(lease.entry.key)), string(lease.owner), number(lease.attempt)",
                "string(self.identity(lease.entry.key))",
            ),
        ),
        emulated=True,
    ),
    Bug(
        "an attempt's end asks for no owner (DynamoDB)",
        (LEDGERS,),
        (
            Swap(
                "ledger/dynamodb.py",
                "",
                '_MINE = "#state = :running AND #owner = :owner AND #attempt = :attempt"',
                '_MINE = "#state = :running AND (#owner = :owner OR #attempt >= :attempt)"',
            ),
        ),
        emulated=True,
    ),
    Bug(
        "the ledger's answers are out of the order of its input (DynamoDB)",
        (LEDGERS,),
        (
            Swap(
                "ledger/dynamodb.py",
                "DynamoDBLedger._execute",
                "for answer in answers",
                "for answer in answers[::-1]",
            ),
        ),
        emulated=True,
    ),
    Bug(
        "a deferral costs an attempt (memory)",
        (LEDGERS,),
        (Swap("ledger/memory.py", "MemoryLedger.release", "item.attempt - 1", "item.attempt"),),
    ),
    Bug(
        "a deferral costs an attempt (DynamoDB)",
        (LEDGERS,),
        (
            Swap(
                "ledger/dynamodb.py",
                "DynamoDBLedger.release",
                "number(lease.attempt - 1)",
                "number(lease.attempt)",
            ),
        ),
        emulated=True,
    ),
    Bug(
        "what somebody runs is buried (DynamoDB)",
        (LEDGERS,),
        (
            Swap(
                "ledger/dynamodb.py",
                "",
                "(#state = :running AND #in_progress_expiration <= :now)",
                "(#state = :running AND #in_progress_expiration > :now)",
            ),
        ),
        emulated=True,
    ),
    Bug(
        "a completed key is forgotten while copies live (declaration)",
        (QUEUE,),
        (
            Swap(
                "queue.py",
                "Queue.memory_of_keys",
                "return self.retention + self.dead_letter_retention + timedelta(days=1)",
                "return self.deduplication_window",
            ),
        ),
    ),
    Bug(
        "a completed key is forgotten while copies live (DynamoDB)",
        (LAYOUT,),
        (
            Swap(
                "ledger/dynamodb.py",
                "DynamoDBLedger.complete",
                "self._clock.now() + self._remembered_for",
                "self._clock.now()",
            ),
        ),
        emulated=True,
    ),
    Bug(
        "dead letters expire (DynamoDB)",
        (LAYOUT,),
        (
            Swap(
                "ledger/dynamodb.py",
                "DynamoDBLedger._epitaph",
                "number(layout.NEVER)",
                "seconds(now + self._remembered_for)",
            ),
        ),
        emulated=True,
    ),
)

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
                "Batch._lease",
                "self._suspects.append((each, answer, []))",
                "leased.append((each, self._shop.ledger.take_over(answer, lasts=self._remaining())))",
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
                "batch.py",
                "Batch._complete",
                "each.opened, each.verdict,",
                "each.opened, outcome.Retry(after=SOON, error=Unavailable('', '')) if each in pending else each.verdict,",
            ),
        ),
    ),
    Bug(
        "a completion that failed isn't tried again",
        (CONSUMER,),
        (Swap("batch.py", "", "COMPLETION_ROUNDS = 4", "COMPLETION_ROUNDS = 1"),),
    ),
    Bug(
        "a lease outlives its invocation",
        (CONSUMER,),
        (Swap("batch.py", "Batch._lease", "lasts=self._remaining()", "lasts=timedelta(hours=1)"),),
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
                "Processing.run",
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

BUGS = (*THE_EDGE, *SENDING, *WAITS, *THE_LEDGER, *A_BATCH, *FIFO, *VERDICTS)
