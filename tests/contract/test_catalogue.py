"""The catalogue contract, for every catalogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address, Count, Filter, InvalidCursor
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.ledger import Entry, Failure, Letter, State
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.outcome import Fault, Reason
from headworks.testing.clock import NEW_YEAR
from tests.support.declarations import SECOND, a_queue

MINUTE = timedelta(minutes=1)
LETTER = Letter(body='{"n": 1}', sent_at=NEW_YEAR, ordering_key="ada")
FAILURE = Failure(
    attempt=1,
    at=NEW_YEAR,
    error_type="ValueError",
    error="no such customer",
    stack="line 1\nline 2",
    duration_ms=5,
    version="7",
    request_id="r-1",
)
FULFIL, NOTIFY = Address("orders", "fulfil_order"), Address("orders", "notify_order")


class Stand:
    """Two consumers' ledgers, and the catalogue that reads them."""

    def __init__(self, ledgers, catalogue, clock):
        self.ledgers, self.catalogue, self.clock = ledgers, catalogue, clock

    def bury(self, key, *, address=FULFIL, reason=Reason.REJECTED, failure=FAILURE, **fields):
        """One more dead letter, a second after what was before."""
        self.clock.advance(SECOND)
        ledger = self.ledgers[address]
        [lease] = ledger.lease([entry(key, **fields)], lasts=MINUTE)
        ledger.bury(lease.entry, LETTER, reason=reason, failure=failure, holder=lease)

    def keys(self, state=State.DEAD, *, addresses=(FULFIL, NOTIFY), limit=100, **fields):
        page = self.catalogue.page(state, addresses, only=Filter(**fields), limit=limit)
        return [each.entry.key for each in page.items]

    def pages(self, *, limit, oldest_first=False, **fields):
        """All pages of the dead, by key."""
        cursor, pages = None, []
        while not pages or cursor is not None:
            page = self.catalogue.page(
                State.DEAD,
                (FULFIL, NOTIFY),
                only=Filter(**fields),
                limit=limit,
                cursor=cursor,
                oldest_first=oldest_first,
            )
            pages.append([each.entry.key for each in page.items])
            cursor = page.cursor
        return pages

    def find(self, name):
        return self.catalogue.find(name, (FULFIL, NOTIFY))


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.e2e)])
def stand(request, clock):
    if request.param == "memory":
        ledgers = {address: MemoryLedger(clock) for address in (FULFIL, NOTIFY)}
        return Stand(ledgers, MemoryCatalogue(ledgers, clock), clock)
    client = request.getfixturevalue("emulator_clients")("dynamodb")
    table = request.getfixturevalue("ledger_table")
    ledgers = {
        address: DynamoDBLedger(a_queue(), address.consumer, client, table=table, clock=clock)
        for address in (FULFIL, NOTIFY)
    }
    return Stand(ledgers, DynamoDBCatalogue(client, table=table, clock=clock), clock)


def entry(key, **fields):
    return Entry(**{"key": key, "message_id": f"msg_{key}", "type": "order.placed", "source": "s", **fields})


def test_the_dead_are_listed_newest_first_over_all_consumers(stand):
    for n in range(20):
        stand.bury(f"k{n}", address=(FULFIL, NOTIFY)[n % 2])

    assert stand.keys() == [f"k{n}" for n in reversed(range(20))]
    assert stand.keys(addresses=[NOTIFY], limit=2) == ["k19", "k17"]


def test_a_list_shows_the_header_and_where_it_stands(stand):
    stand.bury("k", tenant="acme", ordering_key="ada", failure=replace(FAILURE, error="x" * 400))

    [item] = stand.catalogue.page(State.DEAD, [FULFIL], limit=1).items

    assert (item.address, item.state, item.attempt, item.crashes) == (FULFIL, State.DEAD, 1, 0)
    assert item.entry == entry("k", tenant="acme", ordering_key="ada")
    assert (item.reason, item.error_type, item.error) == (Reason.REJECTED, "ValueError", "x" * 400)
    assert item.at == stand.clock.now()


def test_what_waits_is_listed_by_its_due_time_and_what_runs_again_by_its_start(stand):
    ledger, now = stand.ledgers[FULFIL], stand.clock.now()
    for key, wait in (("later", 9), ("sooner", 5), ("now", 0)):
        [lease] = ledger.lease([entry(key)], lasts=MINUTE)
        ledger.retry(lease, FAILURE, due=now + wait * SECOND)
    ledger.hold(entry("held"), LETTER, due=now + MINUTE)
    [again] = ledger.lease([entry("now")], lasts=MINUTE)

    assert stand.keys(State.RETRYING) == ["sooner", "later"]
    assert stand.keys(State.WAITING) == ["held"]
    assert stand.keys(State.RUNNING) == ["now"]
    [item] = stand.catalogue.page(State.RETRYING, [FULFIL], limit=1).items
    assert (item.at, item.error_type, item.error) == (now + 5 * SECOND, "ValueError", "no such customer")
    ledger.complete([again])
    assert stand.keys(State.RUNNING) == []


def test_a_first_attempt_is_on_no_list(stand):
    stand.ledgers[FULFIL].lease([entry("k")], lasts=MINUTE)

    assert stand.keys(State.RUNNING) == []


def test_pages_follow_each_other_without_a_gap_or_a_repeat(stand):
    for n in range(10):
        stand.bury(f"k{n}", address=(FULFIL, NOTIFY)[n % 2])

    assert stand.pages(limit=4) == [["k9", "k8", "k7", "k6"], ["k5", "k4", "k3", "k2"], ["k1", "k0"]]
    assert stand.pages(limit=10) == [[f"k{n}" for n in reversed(range(10))]]


def test_the_dead_come_oldest_first_where_that_is_asked_for(stand):
    for n in range(10):
        stand.bury(f"k{n}", address=(FULFIL, NOTIFY)[n % 2], tenant=("acme", "other")[n % 2])

    assert stand.pages(limit=4, oldest_first=True) == [
        ["k0", "k1", "k2", "k3"],
        ["k4", "k5", "k6", "k7"],
        ["k8", "k9"],
    ]
    pages = stand.pages(limit=2, oldest_first=True, tenant="acme")
    assert [key for page in pages for key in page] == ["k0", "k2", "k4", "k6", "k8"]


def test_a_cursor_serves_one_direction_alone(stand):
    for n in range(2):
        stand.bury(f"k{n}")
    cursor = stand.catalogue.page(State.DEAD, [FULFIL], limit=1).cursor

    with pytest.raises(InvalidCursor, match="other order"):
        stand.catalogue.page(State.DEAD, [FULFIL], limit=1, cursor=cursor, oldest_first=True)


def test_pages_split_what_happened_in_one_moment(stand):
    ledger = stand.ledgers[FULFIL]
    keys = {f"k{n}" for n in range(30)}
    for lease in ledger.lease([entry(key) for key in sorted(keys)], lasts=MINUTE):
        ledger.bury(lease.entry, LETTER, reason=Reason.REJECTED, failure=FAILURE, holder=lease)

    pages = stand.pages(limit=7)

    assert [len(page) for page in pages] == [7, 7, 7, 7, 2]
    assert {key for page in pages for key in page} == keys


def test_a_page_is_found_again_when_what_it_followed_is_gone(stand):
    ledger, now = stand.ledgers[FULFIL], stand.clock.now()
    for n in range(4):
        ledger.hold(entry(f"k{n}"), LETTER, due=now + MINUTE + n * SECOND)
    first = stand.catalogue.page(State.WAITING, [FULFIL], limit=2)
    ledger.cancel("k1")

    second = stand.catalogue.page(State.WAITING, [FULFIL], limit=2, cursor=first.cursor)

    assert [each.entry.key for each in second.items] == ["k2", "k3"]


@pytest.mark.parametrize(
    ("only", "found"),
    [
        ({"reasons": frozenset({Reason.EXHAUSTED})}, ["b"]),
        ({"reasons": frozenset({Reason.EXHAUSTED, Reason.REJECTED})}, ["c", "b", "a"]),
        ({"reasons": frozenset({Reason.CRASHED})}, ["d"]),
        ({"error_type": "TimeoutError"}, ["b"]),
        ({"error": "such cust"}, ["c", "a"]),
        ({"error": "SUCH"}, []),
        ({"type": "order.refused"}, ["c"]),
        ({"tenant": "acme"}, ["a"]),
        ({"ordering_key": "ada"}, ["b"]),
        ({"source": "shop"}, ["c"]),
        ({"key": "b"}, ["b"]),
        ({"fault": Fault.ENDPOINT}, ["b"]),
        ({"fault": Fault.PIPELINE}, ["d", "c", "a"]),
        ({"replay": "rpl_1"}, []),
        ({"since": NEW_YEAR + 2 * SECOND}, ["d", "c", "b"]),
        ({"until": NEW_YEAR + 2 * SECOND}, ["a"]),
        ({"since": NEW_YEAR + 2 * SECOND, "error": "such"}, ["c"]),
        ({"since": NEW_YEAR + MINUTE}, []),
        ({"tenant": "acme", "type": "order.refused"}, []),
    ],
)
def test_a_filter_leaves_what_all_of_it_is_true_of(stand, only, found):
    slow = replace(FAILURE, error_type="TimeoutError", error="too slow", fault=Fault.ENDPOINT)
    stand.bury("a", tenant="acme")
    stand.bury("b", reason=Reason.EXHAUSTED, failure=slow, ordering_key="ada")
    stand.bury("c", type="order.refused", address=NOTIFY, source="shop")
    stand.bury("d", reason=Reason.CRASHED, failure=None)

    assert stand.keys(**only) == found
    counted = stand.catalogue.count(State.DEAD, (FULFIL, NOTIFY), only=Filter(**only), most=100)
    assert counted == Count(number=len(found))


def test_a_filtered_list_has_pages_too(stand):
    for n in range(12):
        stand.bury(f"k{n}", tenant=("acme", "other")[n % 2])

    pages = stand.pages(limit=4, tenant="acme")

    assert [key for page in pages for key in page] == ["k10", "k8", "k6", "k4", "k2", "k0"]
    assert len(pages[0]) == 4


def test_a_count_that_is_given_up_says_so(stand):
    for n in range(30):
        stand.bury(f"k{n}", address=(FULFIL, NOTIFY)[n % 2])

    counts = [stand.catalogue.count(State.DEAD, (FULFIL, NOTIFY), most=most) for most in (1000, 30, 5)]

    assert counts[0] == Count(number=30)
    assert counts[1].number == 30
    assert (counts[2].is_exact, 5 <= counts[2].number <= 30) == (False, True)
    assert stand.catalogue.count(State.WAITING, (FULFIL, NOTIFY), most=10) == Count(number=0)
    assert stand.catalogue.count(State.DEAD, (), most=10) == Count(number=0)


def test_groups_are_of_equal_errors_and_the_largest_is_first(stand):
    for n in range(6):
        stand.bury(f"no{n}", failure=replace(FAILURE, error=f"no customer {n} called 'A. {n}'"))
    for n in range(3):
        stand.bury(f"slow{n}", failure=replace(FAILURE, error_type="TimeoutError", error="too slow"))
    stand.bury("crashed", reason=Reason.CRASHED, failure=None, address=NOTIFY)

    groups = stand.catalogue.groups(State.DEAD, (FULFIL, NOTIFY), most=100)

    told = [(each.count, each.reason, each.error_type, each.error) for each in groups.groups]
    assert told == [
        (6, Reason.REJECTED, "ValueError", "no customer ... called ..."),
        (3, Reason.REJECTED, "TimeoutError", "too slow"),
        (1, Reason.CRASHED, "", ""),
    ]
    assert groups.total == Count(number=10)
    first = groups.groups[0]
    assert (first.first, first.last) == (NEW_YEAR + SECOND, NEW_YEAR + 6 * SECOND)
    assert first.example.entry.key == "no5"


def test_groups_are_of_what_the_filter_takes(stand):
    stand.bury("a", tenant="acme")
    stand.bury("b", tenant="other")

    groups = stand.catalogue.groups(State.DEAD, [FULFIL], only=Filter(tenant="acme"), most=100)

    assert [(each.count, each.example.entry.key) for each in groups.groups] == [(1, "a")]
    assert stand.catalogue.groups(State.DEAD, [FULFIL], only=Filter(tenant="none"), most=100).groups == ()


@pytest.mark.parametrize("cursor", ["", "x", "é", "bm9uZQ", "WzEsImEiLCJiIl0", "a" * 5000])
def test_what_is_no_cursor_is_refused(stand, cursor):
    with pytest.raises(InvalidCursor):
        stand.catalogue.page(State.DEAD, [FULFIL], limit=1, cursor=cursor)


def test_a_cursor_serves_the_list_it_came_from_alone(stand):
    for n in range(2):
        stand.bury(f"k{n}")
    cursor = stand.catalogue.page(State.DEAD, [FULFIL], limit=1).cursor

    with pytest.raises(InvalidCursor, match="waiting"):
        stand.catalogue.page(State.WAITING, [FULFIL], limit=1, cursor=cursor)


@pytest.mark.parametrize("name", ["k", "msg_k"])
def test_a_dead_letter_is_found_whole_by_its_key_and_by_its_message_id(stand, name):
    stand.bury("k", tenant="acme")

    [story] = stand.find(name)

    assert (story.listed.address, story.listed.entry) == (FULFIL, entry("k", tenant="acme"))
    assert (story.listed.state, story.listed.reason) == (State.DEAD, Reason.REJECTED)
    assert story.history == (FAILURE,)
    assert story.letter == LETTER
    assert story.lease_ends is None


def test_each_consumer_has_a_story_of_its_own(stand):
    stand.bury("k")
    [lease] = stand.ledgers[NOTIFY].lease([entry("k")], lasts=MINUTE)
    stand.ledgers[NOTIFY].complete([lease])

    states = {story.listed.address: story.listed.state for story in stand.find("k")}

    assert states == {FULFIL: State.DEAD, NOTIFY: State.COMPLETED}


def test_what_retries_waits_or_was_held_is_found_by_its_message_id_and_stays_so(stand):
    ledger, soon = stand.ledgers[FULFIL], stand.clock.now() + SECOND
    ledger.hold(entry("held"), LETTER, due=soon)
    [failed] = ledger.lease([entry("failed")], lasts=MINUTE)
    ledger.retry(failed, FAILURE, due=soon)

    assert [stand.find(f"msg_{key}")[0].listed.at for key in ("held", "failed")] == [soon, soon]
    stand.clock.advance(SECOND)
    ledger.complete(ledger.lease([entry("failed")], lasts=MINUTE))
    [story] = stand.find("msg_failed")
    assert (story.listed.state, story.history) == (State.COMPLETED, (FAILURE,))


def test_what_runs_or_was_done_at_its_first_attempt_is_found_by_its_key_alone(stand):
    [lease] = stand.ledgers[FULFIL].lease([entry("k")], lasts=MINUTE)

    [story] = stand.find("k")
    assert (story.listed.state, story.lease_ends) == (State.RUNNING, stand.clock.now() + MINUTE)
    stand.ledgers[FULFIL].complete([lease])
    assert stand.find("k")[0].listed.state is State.COMPLETED
    assert stand.find("msg_k") == []


@pytest.mark.parametrize("name", ["unheard of", "", "x" * 5000])
def test_an_unknown_name_finds_nothing(stand, name):
    assert stand.find(name) == []


def test_a_message_that_somebody_else_gave_a_long_id_is_buried_and_found(stand):
    stand.bury("k", message_id="€" * 3000)

    assert [story.listed.entry.key for story in stand.find("€" * 3000)] == ["k"]


def test_whose_fault_it_was_is_in_the_list_and_in_the_history(stand):
    stand.bury("k", failure=replace(FAILURE, fault=Fault.ENDPOINT))

    [story] = stand.find("k")

    assert story.listed.fault is Fault.ENDPOINT
    assert [each.fault for each in story.history] == [Fault.ENDPOINT]


def test_a_story_tells_when_the_next_attempt_is_due(stand):
    due = stand.clock.now() + MINUTE
    [lease] = stand.ledgers[FULFIL].lease([entry("k")], lasts=MINUTE)
    stand.ledgers[FULFIL].retry(lease, FAILURE, due=due)

    assert [story.due for story in stand.find("k")] == [due]


def test_a_store_that_is_down_is_no_empty_list(clock):
    ledger = MemoryLedger(clock)
    ledger.down = True
    catalogue = MemoryCatalogue({FULFIL: ledger})

    with pytest.raises(Unavailable):
        catalogue.page(State.DEAD, [FULFIL], limit=1)
    with pytest.raises(Unavailable):
        catalogue.find("k", [FULFIL])
    with pytest.raises(Unavailable):
        catalogue.count(State.DEAD, [FULFIL], most=1)
    with pytest.raises(Unavailable):
        catalogue.groups(State.DEAD, [FULFIL], most=1)
