"""Mistakes in what is kept of a message."""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

LEDGERS = "tests/contract/test_ledger.py"
LAYOUT = "tests/contract/test_ledger_layout.py"
QUEUE = "tests/unit/test_queue.py"

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
        (Swap("ledger/statements.py", "", 'AND "owner" = {} AND "attempt" = {}', ""),),
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
