"""Mistakes of pausing, processing by hand and purging."""

from __future__ import annotations

from tests.mutants.planting import Bug, Swap

PAUSING = "tests/unit/operations/test_pausing.py"
ON_DEMAND = "tests/unit/operations/test_on_demand.py"
PURGING = "tests/unit/operations/test_purging.py"
STATISTICS = "tests/unit/operations/test_statistics.py"
FLAGS = "tests/contract/test_flags.py"
INTERVENTIONS = "tests/contract/test_interventions.py"
EDGE = "tests/functional/receive_webhook/test_paused.py"

CONTROL = (
    Bug(
        "a mapping is disabled before its pause is on record",
        (PAUSING,),
        (
            Swap(
                "operations/pausing.py",
                "DeployedPauses._pause",
                "flag = self._flags.put_up(of_consumer(address), wanted)",
                "self._mappings.turn(address, on=False); flag = self._flags.put_up(of_consumer(address), wanted)",
            ),
        ),
    ),
    Bug(
        "a source is resumed for good while functions may still keep events back",
        (PAUSING,),
        (
            Swap(
                "operations/resuming.py",
                "Resuming.go_on",
                "nothing_left and looked_at >= flag.resumed_at + STRAGGLERS",
                "nothing_left",
            ),
        ),
    ),
    Bug(
        "resuming lets go of long delays, too",
        (PAUSING,),
        (
            Swap(
                "operations/kept_back.py",
                "KeptBack._of",
                "self._clock.now() + KEPT_BACK / 2",
                "self._clock.now()",
            ),
        ),
    ),
    Bug(
        "what is kept back is remembered by the edge until it is due",
        (EDGE,),
        (
            Swap(
                "producer.py",
                "Producer._send",
                "self._remember(fresh, answers, now, delay)",
                "self._remember(fresh, answers, now, hold or delay)",
            ),
        ),
    ),
    Bug(
        "the first one's pause is overwritten by a second",
        (FLAGS,),
        (
            Swap(
                "operations/flags.py",
                "DynamoDBFlags.put_up",
                '"attribute_not_exists(id) OR phase <> :paused"',
                '"attribute_not_exists(id) OR phase <> :paused OR phase = :paused"',
            ),
        ),
    ),
    Bug(
        "what was let go keeps its body for a hundred years",
        (INTERVENTIONS,),
        (
            Swap(
                "ledger/interventions.py",
                "DynamoDBInterventions.let_go",
                "layout.body_id(identity)",
                "identity",
            ),
        ),
    ),
    Bug(
        "a message that was processed by hand is deleted though it failed",
        (ON_DEMAND,),
        (
            Swap(
                "operations/on_demand.py",
                "DeployedOnDemand.process",
                'hand.delete(record for record in records if record["messageId"] not in failed)',
                "hand.delete(records)",
            ),
        ),
    ),
    Bug(
        "an answer that names a stranger is half believed",
        (ON_DEMAND,),
        (
            Swap(
                "operations/on_demand.py",
                "failed_ids",
                "frozenset(named) if named <= set(ids) else frozenset(ids)",
                "frozenset(named & set(ids))",
            ),
        ),
    ),
    Bug(
        "purging takes what came later",
        (PURGING,),
        (
            Swap(
                "operations/purging.py",
                "_Purge.go",
                "delivery_of(record).sent_at < self.before",
                "True",
            ),
        ),
    ),
    Bug(
        "purging takes what somebody runs",
        (PURGING,),
        (
            Swap(
                "operations/purging.py",
                "_Purge._may_go",
                "state not in _ON_THEIR_WAY",
                "True",
            ),
        ),
    ),
    Bug(
        "purging gives the key of what is done free",
        (PURGING,),
        (
            Swap(
                "operations/purging.py",
                "_Purge._withdrawn",
                "if states.get(key) in (None, State.RETRYING)",
                "if True",
            ),
        ),
    ),
    Bug(
        "what purging spares stays hidden",
        (PURGING,),
        (Swap("operations/purging.py", "_Purge.go", "self.hand.give_back(spared)", "pass"),),
    ),
    Bug(
        "retries that hide count as being processed",
        (STATISTICS,),
        (
            Swap(
                "operations/statistics.py",
                "_processing",
                "max(lying.in_flight - retrying.number, 0)",
                "lying.in_flight",
            ),
        ),
    ),
)
