"""The contract of replays' records, for every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from headworks.ledger.catalogue import Address, Filter
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.ledger import Entry, State
from headworks.operations.dynamodb_replay_store import DynamoDBReplayStore
from headworks.operations.replay_store import Member, MemoryReplayStore, Progress
from headworks.operations.replays import Replay, ReplayRequest, Selection, Skipped, Standing
from headworks.outcome import Fault, Reason
from headworks.testing.clock import NEW_YEAR
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import SECOND, a_queue

MINUTE = timedelta(minutes=1)
REQUEST = ReplayRequest(
    id="rpl_1",
    queue="orders",
    selection=Selection(
        only=Filter(
            reasons=frozenset({Reason.REJECTED, Reason.EXPIRED}),
            fault=Fault.ENDPOINT,
            error="no such",
            since=NEW_YEAR,
        )
    ),
    by="ada",
    reason="the fix is out",
    first=3,
    rate=0.5,
    again=True,
    stop_after=2,
)
REPLAY = Replay(request=REQUEST, asked_at=NEW_YEAR + MINUTE, standing=Standing.RUNNING)
PROGRESS = Progress(
    sent=7,
    skipped=Skipped(busy=2),
    failed_again=1,
    selected=9,
    cursor="abc",
    in_hand=(Member(consumer="fulfil_order", key="k € 1"),),
    names_left=(3, 1, 2),
    looks=1,
    moved=True,
    not_before=1.5,
)


TABLES = ["moto", pytest.param("emulator", marks=pytest.mark.e2e)]


@pytest.fixture(params=["memory", *TABLES])
def table_of(request):
    """The client and the table of a store that has them."""
    if request.param == "memory":
        return None
    if request.param == "emulator":
        return request.getfixturevalue("emulator_clients")("dynamodb"), request.getfixturevalue(
            "ledger_table"
        )
    aws = request.getfixturevalue("aws")
    aws("dynamodb").create_table(TableName="ledger", **LEDGER_TABLE)
    return aws("dynamodb"), "ledger"


@pytest.fixture
def store(table_of):
    return MemoryReplayStore() if table_of is None else DynamoDBReplayStore(table_of[0], table=table_of[1])


def take(store, worker, *, now=NEW_YEAR, until=NEW_YEAR + MINUTE):
    return store.take("rpl_1", worker, now=now, until=until)


def test_a_record_is_read_as_it_was_written(store):
    store.create(REPLAY, PROGRESS)

    job = store.read("rpl_1")

    assert (job.replay, job.progress) == (REPLAY, PROGRESS)
    told = job.told
    assert (told.sent, told.skipped, told.failed_again, told.selected) == (7, Skipped(busy=2), 1, 9)


def test_what_is_asked_for_by_name_is_read_as_it_was_written(store):
    names = tuple(f"name {n} €" for n in range(1000))
    request = replace(REQUEST, selection=Selection(names=names))

    store.create(replace(REPLAY, request=request), PROGRESS)

    assert store.read("rpl_1").replay.request == request


def test_the_first_record_of_an_id_stays(store):
    store.create(REPLAY, PROGRESS)

    job = store.create(replace(REPLAY, request=replace(REQUEST, by="bob")), Progress())

    assert (job.replay.request.by, job.progress) == ("ada", PROGRESS)


def test_one_worker_at_a_time_has_a_replay(store):
    store.create(REPLAY, PROGRESS)

    assert take(store, "a").progress == PROGRESS
    assert take(store, "b") is None
    assert take(store, "a") is not None
    assert take(store, "b", now=NEW_YEAR + MINUTE) is not None


def test_only_who_has_a_replay_writes_its_progress_down(store):
    store.create(REPLAY, Progress())
    take(store, "a")
    take(store, "b", now=NEW_YEAR + MINUTE, until=NEW_YEAR + 2 * MINUTE)

    assert store.save("rpl_1", "a", PROGRESS, until=NEW_YEAR + 9 * MINUTE) is None
    assert store.save("rpl_1", "b", replace(PROGRESS, sent=8), until=NEW_YEAR + 2 * MINUTE).told.sent == 8
    assert store.read("rpl_1").told.sent == 8


def test_whoever_leaves_leaves_it_to_the_next_at_once(store):
    store.create(REPLAY, Progress())
    take(store, "a")

    store.save("rpl_1", "a", PROGRESS, until=NEW_YEAR + SECOND)

    assert take(store, "b", now=NEW_YEAR + SECOND) is not None


def test_what_has_ended_does_not_go_on(store):
    store.create(REPLAY, PROGRESS)
    take(store, "a")

    ended = store.end("rpl_1", Standing.STOPPED, because="stopped by ada", at=NEW_YEAR + SECOND)

    told = ended.told
    assert (told.standing, told.stopped_because, told.ended_at) == (
        Standing.STOPPED,
        "stopped by ada",
        NEW_YEAR + SECOND,
    )
    assert take(store, "b", now=NEW_YEAR + 2 * MINUTE) is None
    assert store.running() == []
    assert store.end("rpl_1", Standing.FINISHED, because=None, at=NEW_YEAR + MINUTE) == ended


def test_who_was_at_work_when_it_was_stopped_still_tells_what_was_sent(store):
    store.create(REPLAY, Progress())
    take(store, "a")
    store.end("rpl_1", Standing.STOPPED, because="enough", at=NEW_YEAR)

    job = store.save("rpl_1", "a", replace(PROGRESS, sent=9), until=NEW_YEAR)

    assert (job.told.standing, job.told.sent) == (Standing.STOPPED, 9)


def test_those_that_go_on_are_found_the_oldest_first(store):
    for n in (2, 1, 3):
        request = replace(REQUEST, id=f"rpl_{n}")
        store.create(replace(REPLAY, request=request, asked_at=NEW_YEAR + n * MINUTE), PROGRESS)
    store.end("rpl_3", Standing.FINISHED, because=None, at=NEW_YEAR)

    assert [job.replay.request.id for job in store.running()] == ["rpl_1", "rpl_2"]


def test_nothing_is_known_of_what_nobody_asked_for(store):
    assert store.read("rpl_0") is None
    assert store.take("rpl_0", "a", now=NEW_YEAR, until=NEW_YEAR + MINUTE) is None
    assert store.save("rpl_0", "a", PROGRESS, until=NEW_YEAR) is None
    assert store.end("rpl_0", Standing.STOPPED, because=None, at=NEW_YEAR) is None


@pytest.mark.parametrize("table_of", TABLES, indirect=True)
def test_a_record_is_in_no_list_of_messages(table_of, clock):
    client, table = table_of
    DynamoDBReplayStore(client, table=table).create(REPLAY, PROGRESS)
    address = Address("orders", "fulfil_order")
    ledger = DynamoDBLedger(a_queue(), "fulfil_order", client, table=table, clock=clock)
    entry = Entry(key="rpl_1", message_id="rpl_1", type="t", source="s")
    catalogue = DynamoDBCatalogue(client, table=table, clock=clock)

    assert catalogue.find("rpl_1", [address]) == []
    assert all(catalogue.page(state, [address], limit=10).items == () for state in State)
    assert ledger.waiting(due_before=NEW_YEAR + 9 * MINUTE, limit=10) == []
    assert ledger.letter(entry) is None
