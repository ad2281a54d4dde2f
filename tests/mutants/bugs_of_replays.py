"""Mistakes in putting dead letters back."""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

CONTRACT = "tests/contract/test_dead_letters.py"
CHANGED = "tests/contract/test_changed_dead_letters.py"
RECORDS = "tests/contract/test_replay_store.py"
RUNS = "tests/unit/test_replayed_runs.py"
OPERATION = "tests/unit/test_replays.py"
CARRIED_ON = "tests/unit/test_replays_carried_on.py"
BROKER = "tests/unit/test_sqs_broker.py"
ITEMS = "tests/contract/test_dead_letter_items.py"
CHAOS = "tests/chaos/test_replays.py"
DYNAMODB = "ledger/dynamodb_dead_letters.py"
SENTENCES = "ledger/put_back.py"

CLAIMS = (
    Bug(
        "two replays claim the same letter",
        (CONTRACT,),
        (
            Swap(
                "ledger/claiming.py",
                "Candidate.refusal",
                "if not is_mine and not self.is_claim_over(now)",
                "if False",
            ),
        ),
    ),
    Bug(
        "what a replay has sent it sends again",
        (CONTRACT,),
        (Swap("ledger/claiming.py", "Candidate.refusal", "is_mine and not self._led_nowhere", "False"),),
    ),
    Bug(
        "what was completed runs again unasked",
        (CONTRACT,),
        (Swap("ledger/claiming.py", "Candidate.refusal", "if not putting.again", "if False"),),
    ),
    Bug(
        "a replay takes what dies while it goes on",
        (CONTRACT,),
        (
            Swap(
                "ledger/claiming.py",
                "Candidate.refusal",
                "self.died_at is None or self.died_at >= putting.died_before",
                "self.died_at is None",
            ),
        ),
    ),
    Bug(
        "a message is put back for ever",
        (CONTRACT,),
        (Swap("ledger/claiming.py", "Candidate.refusal", "self.number > putting.most", "False"),),
    ),
    Bug(
        "a claim asks for no owner (DynamoDB)",
        (ITEMS,),
        (Swap(SENTENCES, "claimed", '("owner", "state", "attempt")', '("attempt",)'),),
    ),
    Bug(
        "a mark asks for no owner (DynamoDB)",
        (CONTRACT,),
        (Swap(SENTENCES, "_mine", '"owner": string(claim.token), ', ""),),
    ),
    Bug(
        "a mark asks for no state (DynamoDB)",
        (CONTRACT,),
        (Swap(SENTENCES, "_mine", ', "state": string(State.REPLAYING)', ""),),
    ),
    Bug(
        "a mark asks for no owner (memory)",
        (CONTRACT,),
        (
            Swap(
                "ledger/memory_dead_letters.py",
                "MemoryDeadLetters._mine",
                "and item.owner == claim.token",
                "",
            ),
        ),
    ),
    Bug(
        "a claim leaves the list of the dead (DynamoDB)",
        (CONTRACT,),
        (Swap(SENTENCES, "claimed", "if claim.was is State.COMPLETED:", "if True:"),),
    ),
    Bug(
        "the body of what died again begins to expire (DynamoDB)",
        (ITEMS,),
        (Swap(SENTENCES, "spent", "_version(claim)", "{}"),),
    ),
    Bug(
        "the body of what runs for good never expires (DynamoDB)",
        (ITEMS,),
        (Swap(DYNAMODB, "DynamoDBDeadLetters.sent", "if each.body_version", "if not each.body_version"),),
    ),
    Bug(
        "an edit lets a claim with the former message through (DynamoDB)",
        (ITEMS,),
        (Swap(DYNAMODB, "DynamoDBDeadLetters._edition", "#owner = :token, ", ""),),
    ),
    Bug(
        "a late copy undoes an edit (DynamoDB)",
        (CHANGED,),
        (Swap("ledger/layout.py", "", "OR {EDITED_AFTER} < :attempt", "OR {EDITED_AFTER} >= :attempt"),),
    ),
    Bug(
        "the first message of an edited one is lost at the second edit (DynamoDB)",
        (CHANGED,),
        (Swap(DYNAMODB, "DynamoDBDeadLetters._edition", "met.body and not met.has_original", "met.body"),),
    ),
    Bug(
        "what waits is taken away while it is on its way (DynamoDB)",
        (CHANGED,),
        (Swap(DYNAMODB, "DynamoDBDeadLetters.take_away", "item.due > now + SENT_AHEAD", "item.due > now"),),
    ),
    Bug(
        "a run that didn't count takes what was put back away (DynamoDB)",
        (CONTRACT,),
        (Swap("ledger/dynamodb.py", "DynamoDBLedger.release", "and not lease.replays", ""),),
    ),
    Bug(
        "a copy that dies while its letter is put back is dropped (DynamoDB)",
        (CONTRACT,),
        (
            Swap(
                "ledger/dynamodb.py",
                "",
                "#state IN (:retrying, :waiting, :replaying)",
                "#state IN (:retrying, :waiting)",
            ),
        ),
    ),
    Bug(
        "a copy that dies while its letter is put back is dropped (memory)",
        (CHAOS, CONTRACT),
        (Swap("ledger/memory.py", "_may_be_buried", "State.WAITING, State.REPLAYING)", "State.WAITING)"),),
    ),
)

SERIES = (
    Bug(
        "what was put back has the attempts that were left",
        (RUNS,),
        (
            Swap(
                "processing.py",
                "Processing.judged",
                "error, attempt=lease.attempt_of_series",
                "error, attempt=lease.attempt",
            ),
        ),
    ),
    Bug(
        "a handler counts the attempts of all replays",
        (RUNS,),
        (
            Swap(
                "processing.py",
                "Processing.context",
                "idempotency_key=message.idempotency_key, attempt=lease.attempt_of_series",
                "idempotency_key=message.idempotency_key, attempt=lease.attempt",
            ),
        ),
    ),
    Bug(
        "what runs again though it was completed has its former key",
        (RUNS,),
        (Swap("processing.py", "of_generation", "if not generation", "if True"),),
    ),
    Bug(
        "crashes of before are counted on (DynamoDB)",
        (CONTRACT,),
        (Swap(SENTENCES, "claimed", '"crashes": number(0),', ""),),
    ),
    Bug(
        "what nobody could read gets another name when it is put back",
        (RUNS,),
        (Swap("brokers/broker.py", "Delivery.name", "self.known_as or self.id", "self.id"),),
    ),
)

REPLAYS = (
    Bug(
        "letters are marked before they are sent",
        (CHAOS,),
        (
            Swap(
                "operations/putting_back.py",
                "PuttingBack.put_back",
                "errors |= self._send(address, sendings)",
                "dead_letters.sent([claim for claim, _ in sendings]); errors |= self._send(address, sendings)",
            ),
        ),
    ),
    Bug(
        "what couldn't be sent isn't given back",
        (CARRIED_ON, OPERATION),
        (
            Swap(
                "operations/putting_back.py",
                "PuttingBack.put_back",
                "dead_letters.give_back([claim for claim in claims if claim.token not in sent])",
                "",
            ),
        ),
    ),
    Bug(
        "a later message of an ordering key overtakes one that couldn't be sent",
        (CARRIED_ON, OPERATION),
        (
            Swap(
                "operations/putting_back.py",
                "PuttingBack._hold_up",
                "if self.queue.fifo and",
                "if not self.queue.fifo and",
            ),
        ),
    ),
    Bug(
        "FIFO swallows a second replay",
        (CHAOS,),
        (
            Swap(
                "ledger/dead_letters.py",
                "Claim.sending",
                'return f"replay/{self.number}/{self.token}"',
                'return "replay"',
            ),
        ),
    ),
    Bug(
        "FIFO swallows a replay that follows the first sending",
        (CHAOS,),
        (
            Swap(
                "brokers/sqs.py",
                "SqsBroker._entry_again",
                "deduplication_id(resending.name, sending=resending.sending)",
                "deduplication_id(resending.name)",
            ),
        ),
    ),
    Bug(
        "what was in hand is forgotten by whoever carries on",
        (CHAOS,),
        (
            Swap(
                "operations/shift.py",
                "Shift.__init__",
                "self._progress = job.progress",
                "self._progress = replace(job.progress, in_hand=())",
            ),
        ),
    ),
    Bug(
        "what was in hand isn't written down",
        (CHAOS,),
        (
            Swap(
                "operations/shift.py",
                "Shift._take_in_hand",
                "return self._save(until=self._parts.clock.now() + LEASE)",
                "return True",
            ),
        ),
    ),
    Bug(
        "what was sent before a death is counted by nobody",
        (CARRIED_ON, CHAOS),
        (Swap("operations/shift.py", "Shift._count", "came.refused[Refusal.SENT] if is_redo else 0", "0"),),
    ),
    Bug(
        "what couldn't be sent is never tried again",
        (CARRIED_ON, OPERATION),
        (
            Swap(
                "operations/shift.py",
                "Shift._is_done",
                "if not progress.read_all:",
                "if progress.read_all: return True\n        if not progress.read_all:",
            ),
        ),
    ),
    Bug(
        "a rate isn't kept to",
        (CARRIED_ON, OPERATION),
        (Swap("operations/shift.py", "Shift._pace", "sent / self._request.rate", "0"),),
    ),
    Bug(
        "a replay goes on however many fail again",
        (CARRIED_ON, OPERATION),
        (
            Swap(
                "operations/shift.py", "Shift._must_stop", "failed >= FAILED_AGAIN_AT_LEAST and", "False and"
            ),
        ),
    ),
    Bug(
        "a stop isn't obeyed",
        (CARRIED_ON, OPERATION),
        (
            Swap("operations/shift.py", "Shift._save", "and job.replay.standing is Standing.RUNNING", ""),
            Swap(
                "operations/shift.py",
                "Shift._has_time",
                "self._is_over or self._job.replay.standing is not Standing.RUNNING",
                "self._is_over",
            ),
        ),
    ),
    Bug(
        "two workers have a replay at once (DynamoDB)",
        (RECORDS,),
        (
            Swap(
                "operations/dynamodb_replay_store.py",
                "DynamoDBReplayStore.take",
                "AND (#worker = :worker OR #worker_until <= :now)",
                "AND (#worker = :worker OR #worker_until <= :now OR #worker_until > :now)",
            ),
        ),
    ),
    Bug(
        "who has lost a replay writes its progress over (DynamoDB)",
        (RECORDS,),
        (
            Swap(
                "operations/dynamodb_replay_store.py",
                "DynamoDBReplayStore.save",
                '"#worker = :mine"',
                '"#worker <> :mine OR #worker = :mine"',
            ),
        ),
    ),
    Bug(
        "another request takes a replay's id over",
        (CARRIED_ON, OPERATION),
        (
            Swap(
                "operations/replaying.py",
                "StoredReplays.start",
                "_asked(job.replay.request) != _asked(request)",
                "False",
            ),
        ),
    ),
)
