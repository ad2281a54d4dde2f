"""Turning mappings off and on, though a change takes Lambda some seconds and it refuses another one meanwhile."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.operations.directory import Place
from headworks.operations.mappings import ROUNDS, LambdaMappings

FULFIL = Address("orders", "fulfil_order")
PLACE = Place(url="u", arn="a", dead_letter_url="d", function="f", mapping="the-mapping")


class FakeLambda:
    """One mapping; it is `busy` for so many changes, in the `state` that it is in."""

    def __init__(self, clock, *, busy=0, state="Enabled"):
        self.clock, self.busy, self.state = clock, busy, state
        self.changes = 0

    def update_event_source_mapping(self, *, UUID, Enabled):  # noqa: N803 - boto3's names
        assert UUID == "the-mapping"
        self.changes += 1
        if self.changes <= self.busy:
            code = {"Code": "ResourceInUseException", "Message": "Updating"}
            raise ClientError({"Error": code}, "UpdateEventSourceMapping")
        self.state = "Enabling" if Enabled else "Disabling"

    def get_event_source_mapping(self, *, UUID):  # noqa: N803 - boto3's name
        return {"State": self.state, "LastModified": self.clock.now()}


class FakeDirectory:
    def places(self):
        return {FULFIL: PLACE}


def mappings(client, pauses=None):
    return LambdaMappings(client, FakeDirectory(), pause=[].append if pauses is None else pauses.append)


@pytest.mark.parametrize("on", [True, False])
def test_a_mapping_is_turned(clock, on):
    client = FakeLambda(clock)

    mappings(client).turn(FULFIL, on=on)

    assert mappings(client).state(FULFIL).is_enabled is on


def test_while_another_change_is_in_progress_it_tries_again(clock):
    client, pauses = FakeLambda(clock, busy=3, state="Updating"), []

    mappings(client, pauses).turn(FULFIL, on=False)

    assert (client.state, len(pauses)) == ("Disabling", 3)


def test_a_change_in_progress_that_is_the_wanted_one_is_enough(clock):
    client = FakeLambda(clock, busy=100, state="Disabling")

    mappings(client).turn(FULFIL, on=False)

    assert client.changes == 1


def test_a_mapping_that_stays_busy_is_unavailable(clock):
    client = FakeLambda(clock, busy=100, state="Enabling")

    with pytest.raises(Unavailable, match="orders/fulfil_order"):
        mappings(client).turn(FULFIL, on=False)

    assert client.changes == ROUNDS


@pytest.mark.parametrize(
    ("state", "enabled"),
    [("Enabled", True), ("Enabling", True), ("Updating", True), ("Disabling", False), ("Disabled", False)],
)
def test_a_mapping_on_its_way_counts_as_where_it_goes(clock, state, enabled):
    assert mappings(FakeLambda(clock, state=state)).state(FULFIL).is_enabled is enabled
