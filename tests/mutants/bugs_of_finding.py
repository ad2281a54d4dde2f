"""Mistakes in what operators see: lists, counts, stories, and what is told of dead letters."""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

ANNOUNCEMENTS = "tests/unit/test_announcements.py"
CATALOGUE = "tests/contract/test_catalogue.py"
DEDUPLICATION = "tests/unit/test_deduplication.py"
FINDER = "tests/contract/test_finder.py"
PRODUCER = "tests/unit/test_producer.py"
RETENTION = "tests/contract/test_retention.py"

FINDING = (
    Bug(
        "another key of the same fingerprint is a duplicate",
        (DEDUPLICATION,),
        (Swap("deduplication.py", "DynamoDBDeduplication.look_up", "if each.key in wanted.values()", ""),),
    ),
    Bug(
        "a removed message takes the window of a later one with it",
        (DEDUPLICATION,),
        (
            Swap(
                "deduplication.py",
                "DynamoDBDeduplication._end_window",
                "#message_id = :message_id AND attribute_not_exists(#forgotten)",
                "attribute_exists(id) AND (message_id = :message_id OR message_id <> :message_id) "
                "AND attribute_not_exists(forgotten)",
            ),
        ),
    ),
    Bug(
        "the key of a removed message stays taken",
        (PRODUCER,),
        (Swap("deduplication.py", "Remembered.is_open", "not self.forgotten and", "self.forgotten or"),),
    ),
    Bug(
        "an honest repeat after a removal is another effect",
        (PRODUCER,),
        (
            Swap(
                "producer.py",
                "_next_epoch",
                "remembered.epoch if remembered.forgotten else remembered.epoch + 1",
                "remembered.epoch + 1",
            ),
        ),
    ),
    Bug(
        "ids are random though their messages have keys",
        (FINDER,),
        (Swap("message.py", "new_message", "if is_keyed else None", "if False else None"),),
    ),
    Bug(
        "a message is told with the story of another window of its key",
        (FINDER,),
        (Swap("operations/keyed_finder.py", "_Clues.lead_to", "in self._mean", "in self.keys"),),
    ),
    Bug(
        "what was removed is queued for ever",
        (FINDER,),
        (Swap("operations/keyed_finder.py", "KeyedFinder._queued", "each.forgotten or", ""),),
    ),
    Bug(
        "what the ledgers have forgotten is queued",
        (FINDER,),
        (
            Swap(
                "operations/keyed_finder.py",
                "KeyedFinder._queued",
                "each.accepted_at + queue.memory_of_keys <= self.clock.now()",
                "False",
            ),
        ),
    ),
    Bug(
        "a count that was given up is told as exact",
        (CATALOGUE,),
        (
            Swap(
                "ledger/dynamodb_catalogue.py",
                "DynamoDBCatalogue._read_all.read",
                "return False",
                "return True",
            ),
        ),
        emulated=True,
    ),
    Bug(
        "the oldest first is only said",
        (CATALOGUE,),
        (Swap("ledger/paging.py", "Order.of", "and not oldest_first", ""),),
    ),
    Bug(
        "errors whose faults weren't kept are nobody's",
        (CATALOGUE,),
        (
            Swap(
                "ledger/dynamodb_listing.py",
                "conditions",
                'f"({_FAULT} OR {_NO_FAULT})"',
                "_FAULT",
            ),
        ),
        emulated=True,
    ),
)

THE_DEAD = (
    Bug(
        "a dead letter is settled though nobody could be told of it",
        (ANNOUNCEMENTS,),
        (Swap("processing.py", "Processing._still_dead", "self._announce(opened.entry)", "pass"),),
    ),
    Bug(
        "nobody is told of what was never run",
        (ANNOUNCEMENTS,),
        (Swap("processing.py", "Processing._bury_unrun", "self._announce(entry)", "pass"),),
    ),
    Bug(
        "nobody is told of what SQS gave up on",
        (ANNOUNCEMENTS,),
        (Swap("burying.py", "Undertaker.bury", "self.announcer.announce(entry)", "pass"),),
    ),
    Bug(
        "a second death is the first one's duplicate",
        (ANNOUNCEMENTS,),
        (Swap("announcements.py", "_key", "listed.entry.key, moment", "listed.entry.key"),),
    ),
    Bug(
        "a late owner's wait takes a dead letter's body",
        (RETENTION,),
        (Swap("ledger/layout.py", "", "AND attribute_not_exists({KEPT})", ""),),
    ),
    Bug(
        "a dead letter expires without its body",
        (RETENTION,),
        (Swap("ledger/dynamodb.py", "DynamoDBLedger._keep", "if self._kept_for is not None:", "if False:"),),
    ),
)
