"""Mistakes on the way to a queue: at the edge, in a send, in a wait."""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

CONSUMER = "tests/unit/test_consumer.py"
BROKER = "tests/unit/test_sqs_broker.py"
PRODUCER = "tests/unit/test_producer.py"
LEDGERS = "tests/contract/test_ledger.py"
LAYOUT = "tests/contract/test_ledger_layout.py"
WAKING = "tests/unit/test_waking.py"

THE_EDGE = (
    Bug(
        "the edge remembers before it sends",
        (PRODUCER,),
        (
            Swap(
                "producer.py",
                "Producer._send",
                "messages = list(ready.values())",
                "self._remember(fresh, {n: Accepted(message_id=each.message.id) for n, each in fresh.items()}, now, delay); "
                "messages = list(ready.values())",
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
                "after <= self._longest_wait",
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
