"""How the ledger lies in its table, on a store that is one."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.errors import Unavailable
from headworks.ledger import layout
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Closed, Entry, Failure, Held, Lease, Letter, State
from headworks.outcome import Reason
from headworks.testing.clock import NEW_YEAR
from tests.support.declarations import SECOND, a_queue

MINUTE = timedelta(minutes=1)
ENTRY = Entry(key="k", message_id="msg_1", type="order.placed", source="shop", tenant="acme")
FAILURE = Failure(attempt=1, at=NEW_YEAR, error_type="ValueError", error="x" * 9000, stack="y" * 9000)
LETTER = Letter(body="{}", sent_at=NEW_YEAR)


@pytest.fixture
def dynamodb(emulator_clients):
    return emulator_clients("dynamodb")


@pytest.fixture
def ledger(dynamodb, ledger_table, clock):
    return DynamoDBLedger(a_queue(), "fulfil_order", dynamodb, table=ledger_table, clock=clock)


@pytest.fixture
def items(dynamodb, ledger_table):
    """Answers what lies in the table, by the end of its id."""

    def read():
        found = dynamodb.scan(TableName=ledger_table, ConsistentRead=True)["Items"]
        return {
            item["id"]["S"].rpartition("/")[2] if item["id"]["S"].endswith("/body") else "item": item
            for item in found
        }

    return read


@pytest.fixture
def listed(dynamodb, ledger_table):
    """Answers the messages on the consumer's list of a state."""

    def read(state):
        return [
            item["message_id"]["S"]
            for shard in range(layout.SHARDS)
            for item in dynamodb.query(
                TableName=ledger_table,
                IndexName=layout.INDEX,
                KeyConditionExpression="listed = :listed",
                ExpressionAttributeValues={
                    ":listed": {"S": layout.listed_under(state, "orders/fulfil_order", shard)}
                },
            )["Items"]
        ]

    return read


def lease_one(ledger):
    [answer] = ledger.lease([ENTRY], lasts=MINUTE)
    return answer


@pytest.mark.e2e
def test_powertools_can_read_every_item(ledger, items):
    lease_one(ledger)

    digest = hashlib.sha256(json.dumps("k").encode()).hexdigest()
    [item] = items().values()
    assert item["id"]["S"] == f"orders/fulfil_order#{digest}"
    assert item["status"]["S"] == "INPROGRESS"
    assert ledger.get_record("k").idempotency_key == item["id"]["S"]


@pytest.mark.e2e
def test_a_first_attempt_is_on_no_list(ledger, listed):
    lease_one(ledger)

    assert listed(State.RUNNING) == []


@pytest.mark.e2e
def test_lists_show_what_is_retrying_running_again_waiting_and_dead(ledger, listed, clock):
    ledger.retry(lease_one(ledger), FAILURE, due=clock.now())
    assert listed(State.RETRYING) == ["msg_1"]

    second = lease_one(ledger)
    assert (listed(State.RETRYING), listed(State.RUNNING)) == ([], ["msg_1"])

    ledger.wait(second, FAILURE, LETTER, due=clock.now())
    assert (listed(State.RUNNING), listed(State.WAITING)) == ([], ["msg_1"])

    third = lease_one(ledger)
    ledger.bury(ENTRY, LETTER, reason=Reason.EXHAUSTED, failure=FAILURE, holder=third)
    assert (listed(State.WAITING), listed(State.DEAD)) == ([], ["msg_1"])


@pytest.mark.e2e
def test_success_after_failure_keeps_its_history_and_leaves_the_lists(ledger, listed, items, clock):
    ledger.retry(lease_one(ledger), FAILURE, due=clock.now())
    ledger.complete([lease_one(ledger)])

    assert listed(State.RUNNING) == listed(State.RETRYING) == []
    assert list(items()["item"]["history"]["M"]) == ["a1"]


@pytest.mark.e2e
def test_an_item_stays_small_whatever_failed_and_its_body_lies_apart(ledger, items, clock):
    for attempt in range(1, 30):
        failure = Failure(
            attempt=attempt, at=NEW_YEAR, error_type="E" * 500, error="x" * 9000, stack="y" * 9000
        )
        ledger.retry(lease_one(ledger), failure, due=clock.now())
    ledger.bury(ENTRY, LETTER, reason=Reason.EXHAUSTED, failure=None, holder=lease_one(ledger))

    assert len(json.dumps(items()["item"])) < 40_000
    assert items()["body"]["body"]["S"] == "{}"
    assert "body" not in items()["item"]


@pytest.mark.e2e
def test_a_dead_letter_never_expires_and_a_completed_key_outlives_every_copy(ledger, items, clock):
    ledger.complete([lease_one(ledger)])
    forgotten = int((clock.now() + a_queue().memory_of_keys).timestamp())
    assert int(items()["item"]["expiration"]["N"]) == forgotten

    other = Entry(key="other", message_id="msg_2", type="t", source="s")
    ledger.bury(other, LETTER, reason=Reason.EXPIRED, failure=None)
    assert str(layout.NEVER) in json.dumps(list(items().values()))


@pytest.mark.e2e
def test_a_late_owner_that_waits_makes_no_dead_letters_body_expire(ledger, items, clock):
    late = lease_one(ledger)
    clock.advance(2 * MINUTE)
    ledger.bury(ENTRY, LETTER, reason=Reason.CRASHED, failure=None, holder=lease_one(ledger))

    assert not ledger.wait(late, FAILURE, LETTER, due=clock.now() + MINUTE)
    assert "expiration" not in items()["body"]


@pytest.mark.e2e
def test_a_lease_recognises_the_echo_of_its_own_write(ledger, dynamodb, monkeypatch):
    execute = dynamodb.batch_execute_statement

    def reply_lost(**arguments):
        execute(**arguments)
        return execute(**arguments)

    monkeypatch.setattr(dynamodb, "batch_execute_statement", reply_lost)

    assert isinstance(lease_one(ledger), Lease)
    assert isinstance(lease_one(ledger), Held)


@pytest.mark.e2e
def test_sixteen_at_once_make_one_lease(ledger_table, emulator_clients, clock):
    ledgers = [
        DynamoDBLedger(
            a_queue(), "fulfil_order", emulator_clients("dynamodb"), table=ledger_table, clock=clock
        )
        for _ in range(16)
    ]
    entries = [Entry(key=f"k{n}", message_id=f"m{n}", type="t", source="s") for n in range(20)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda ledger: ledger.lease(entries, lasts=MINUTE), ledgers))

    for of_one_key in zip(*answers, strict=True):
        assert sum(isinstance(answer, Lease) for answer in of_one_key) == 1


class Down:
    """A DynamoDB that nobody answers for."""

    class meta:  # noqa: N801 - boto3's name
        class events:  # noqa: N801
            @staticmethod
            def register(*_args, **_kwargs):
                """Powertools registers its user agent here."""

    def batch_execute_statement(self, **_):
        raise EndpointConnectionError(endpoint_url="dynamodb")

    put_item = update_item = delete_item = get_item = query = batch_execute_statement
    transact_write_items = batch_execute_statement


def test_a_table_that_does_not_answer_is_our_own_trouble(clock):
    ledger = DynamoDBLedger(a_queue(), "fulfil_order", Down(), table="t", clock=clock)
    lease = Lease(entry=ENTRY, owner="o", attempt=1, ends=NEW_YEAR)

    for call in (
        lambda: lease_one(ledger),
        lambda: ledger.complete([lease]),
        lambda: ledger.retry(lease, FAILURE, due=NEW_YEAR),
        lambda: ledger.wait(lease, FAILURE, LETTER, due=NEW_YEAR),
        lambda: ledger.release(lease, due=NEW_YEAR),
        lambda: ledger.bury(ENTRY, LETTER, reason=Reason.EXPIRED, failure=None),
        lambda: ledger.hold(ENTRY, LETTER, due=NEW_YEAR),
        lambda: ledger.waiting(due_before=NEW_YEAR, limit=1),
        lambda: ledger.letter(ENTRY),
        lambda: ledger.cancel("k"),
    ):
        with pytest.raises(Unavailable):
            call()


@pytest.mark.e2e
def test_a_store_that_fails_one_key_alone_fails_that_one_alone(ledger, dynamodb, monkeypatch):
    execute = dynamodb.batch_execute_statement

    def throttled(**arguments):
        answer = execute(**{**arguments, "Statements": arguments["Statements"][1:]})
        return {"Responses": [{"Error": {"Code": "ThrottlingError"}}, *answer["Responses"]]}

    monkeypatch.setattr(dynamodb, "batch_execute_statement", throttled)
    others = [Entry(key=f"k{n}", message_id="m", type="t", source="s") for n in range(3)]

    answers = ledger.lease(others, lasts=SECOND)

    assert [type(answer) for answer in answers] == [type(None), Lease, Lease]
    assert not isinstance(answers[1], Closed)


def test_what_an_item_is_found_by_fits_an_index_key():
    [value] = layout.found_by("\U0001f680" * 3000).values()

    assert len(value["S"].encode()) <= 2048
