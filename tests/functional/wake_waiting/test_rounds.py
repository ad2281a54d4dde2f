"""A round wakes everybody's waiting messages, then carries replays on; neither trouble nor slowness of one is another's."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import Entry, Letter
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.operations.replay_store import MemoryReplayStore
from headworks.operations.replaying import ReplayParts, StoredReplays
from headworks.operations.replays import ReplayRequest, Selection, Standing
from headworks.outcome import Reason
from headworks.telemetry import Action
from headworks.testing.broker import MemoryBroker
from headworks.testing.events import FakeContext
from headworks.topology import Topology
from headworks.waking import Waker
from tests.support.declarations import a_queue
from wake_waiting.rounds import NotAllWoken, Rounds

EVENT = json.loads((Path(__file__).parents[3] / "events" / "wake_waiting" / "scheduled.json").read_text())
CONSUMERS = {"post_letter": "letters", "count_click": "clicks", "place_order": "orders"}


class Post:
    """The waiting messages of three consumers: one each, due at once."""

    def __init__(self, clock, log):
        self.log = log
        self.ledgers = {consumer: MemoryLedger(clock) for consumer in CONSUMERS}
        self.brokers = {consumer: MemoryBroker() for consumer in CONSUMERS}
        self.queues = {
            consumer: a_queue(name=queue, consumers=(consumer,)) for consumer, queue in CONSUMERS.items()
        }
        self.clock = clock
        self.store = MemoryReplayStore()
        self.replays = StoredReplays(
            ReplayParts(
                topology=Topology(queues=tuple(self.queues.values())),
                catalogue=MemoryCatalogue(
                    {
                        Address(CONSUMERS[consumer], consumer): self.ledgers[consumer]
                        for consumer in CONSUMERS
                    },
                    clock,
                ),
                dead_letters=lambda address: MemoryDeadLetters(self.ledgers[address.consumer], clock),
                broker=lambda address: self.brokers[address.consumer],
                claim_check=lambda _: None,
                store=self.store,
                clock=clock,
                log=log,
                pause=lambda _: None,
            )
        )
        self.wakers = [
            Waker(
                queue=self.queues[consumer],
                consumer=consumer,
                ledger=self.ledgers[consumer],
                broker=self.brokers[consumer],
                claim_check=None,
                clock=clock,
                log=log,
            )
            for consumer in CONSUMERS
        ]
        for consumer, ledger in self.ledgers.items():
            entry = Entry(key=consumer, message_id=consumer, type="thing.happened", source="shop")
            ledger.hold(entry, Letter(body="{}", sent_at=clock.now()), due=clock.now())

    def ask_for_a_replay(self, consumer):
        """A dead letter of a consumer, and a replay of it that nobody has worked at."""
        entry = Entry(key="dead", message_id="dead", type="thing.happened", source="shop")
        letter = Letter(body="{}", sent_at=self.clock.now())
        self.ledgers[consumer].bury(entry, letter, reason=Reason.EXPIRED, failure=None)
        self.clock.advance(timedelta(seconds=1))
        request = ReplayRequest(
            id=f"rpl_{consumer}", queue=CONSUMERS[consumer], selection=Selection(), by="ops"
        )
        self.replays.start(request)

    def put_back(self):
        return [each.name for broker in self.brokers.values() for each in broker.put_back]

    def go(self, context=None):
        Rounds(self.wakers, replays=self.replays, log=self.log).go(EVENT, context or FakeContext())

    @property
    def woken(self):
        """Whose messages were sent, each as often as it was."""
        return [name for broker in self.brokers.values() for name, *_ in broker.resent]


@pytest.fixture
def post(clock, log):
    return Post(clock, log)


def test_the_sample_is_what_scheduler_sends():
    assert (EVENT["source"], EVENT["detail-type"]) == ("aws.scheduler", "Scheduled Event")


def test_a_round_sends_everybodys_messages_once(post):
    post.go()
    post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)


def test_one_consumers_trouble_is_told_and_raised_when_the_others_have_had_their_turn(post):
    post.ledgers["count_click"].down = True

    with pytest.raises(NotAllWoken, match="clicks/count_click stay for the next round") as raised:
        post.go()

    assert sorted(post.woken) == ["place_order", "post_letter"]
    assert isinstance(raised.value.__cause__, Unavailable)
    [told] = [fields for action, fields in post.log.lines if action is Action.TROUBLE]
    assert (told["queue"], told["consumer"]) == ("clicks", "count_click")


def test_trouble_that_nobody_thought_of_is_one_consumers_too(post):
    post.ledgers["count_click"].waiting = None

    with pytest.raises(NotAllWoken):
        post.go()

    assert sorted(post.woken) == ["place_order", "post_letter"]


def test_what_was_left_is_woken_by_the_next_round(post):
    post.ledgers["count_click"].down = True
    with pytest.raises(NotAllWoken):
        post.go()
    post.ledgers["count_click"].down = False

    post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)


def test_all_have_their_turn_at_once(post):
    meeting = Barrier(len(CONSUMERS), timeout=5)
    for ledger in post.ledgers.values():
        ledger.waiting = meeting_first(ledger.waiting, meeting)

    post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)


def test_a_round_carries_on_every_replay_that_goes_on(post):
    post.ask_for_a_replay("post_letter")
    post.ask_for_a_replay("place_order")

    post.go()
    post.go()

    assert post.put_back() == ["dead", "dead"]
    assert post.replays.running() == []
    assert post.replays.find("rpl_place_order").sent == 1


def test_a_replay_that_fails_is_told_and_raised_when_the_others_have_had_their_turn(post):
    post.ask_for_a_replay("count_click")
    post.ask_for_a_replay("place_order")
    post.brokers["count_click"].resend_all = None

    with pytest.raises(NotAllWoken, match="the messages of rpl_count_click stay for the next round"):
        post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)
    assert post.replays.find("rpl_place_order").sent == 1
    assert post.replays.find("rpl_count_click").standing is Standing.RUNNING


def test_a_record_of_replays_that_does_not_answer_holds_up_no_waiting_message(post):
    post.store.down = True

    with pytest.raises(NotAllWoken, match="all replays stay for the next round"):
        post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)


def test_a_round_begins_nothing_that_it_has_no_time_for(post):
    post.go(FakeContext(remaining_ms=int(timedelta(seconds=10).total_seconds() * 1000)))

    assert post.woken == []


def meeting_first(act, barrier):
    def meet_and_act(**fields):
        barrier.wait()
        return act(**fields)

    return meet_and_act
