"""The contract of flags, for every store of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.errors import Unavailable
from headworks.operations.control import Pause
from headworks.operations.flags import DynamoDBFlags, Phase
from headworks.testing.flags import MemoryFlags

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "moto", pytest.param("emulator", marks=pytest.mark.e2e)])
def flags(request):
    if request.param == "memory":
        return MemoryFlags()
    if request.param == "moto":
        return DynamoDBFlags(
            request.getfixturevalue("aws")("dynamodb"), table=request.getfixturevalue("table")
        )
    client = request.getfixturevalue("emulator_clients")("dynamodb")
    return DynamoDBFlags(client, table=request.getfixturevalue("ledger_table"))


@pytest.fixture
def pause(clock):
    return Pause(since=clock.now(), by="ada", reason="the shop is down")


def test_a_flag_is_up_with_what_is_on_record_of_it(flags, pause):
    flags.put_up("a", pause)

    found = flags.read(["a", "b", "a"])
    assert found.keys() == {"a"}
    assert (found["a"].pause, found["a"].is_up, found["a"].resumed_at) == (pause, True, None)


def test_who_paused_first_is_on_record(flags, pause, clock):
    flags.put_up("a", pause)

    flag = flags.put_up("a", Pause(since=clock.now() + MINUTE, by="bob"))

    assert flag.pause == pause
    assert flags.read(["a"])["a"].pause == pause


def test_a_pause_ends_once_and_may_begin_anew(flags, pause, clock):
    flags.put_up("a", pause)

    assert flags.take_down("a", phase=Phase.OVER, at=clock.now() + MINUTE)
    assert not flags.take_down("a", phase=Phase.OVER, at=clock.now() + 2 * MINUTE)
    assert (flags.read(["a"])["a"].is_up, flags.read(["a"])["a"].resumed_at) == (False, clock.now() + MINUTE)
    anew = Pause(since=clock.now() + 2 * MINUTE, by="bob")
    assert flags.put_up("a", anew).pause == anew
    assert flags.read(["a"])["a"].resumed_at is None


def test_what_was_never_paused_is_not_ended(flags, clock):
    assert not flags.take_down("a", phase=Phase.OVER, at=clock.now())
    assert flags.read(["a"]) == {}


def test_resuming_is_finished_by_whoever_saw_this_end_of_it(flags, pause, clock):
    flags.put_up("a", pause)
    flags.take_down("a", phase=Phase.RESUMING, at=clock.now())

    assert not flags.finish("a", resumed_at=clock.now() - MINUTE)
    assert flags.read(["a"])["a"].phase is Phase.RESUMING
    assert flags.finish("a", resumed_at=clock.now())
    assert flags.read(["a"])["a"].phase is Phase.OVER


def test_what_is_paused_again_while_it_is_resuming_is_paused(flags, pause, clock):
    flags.put_up("a", pause)
    flags.take_down("a", phase=Phase.RESUMING, at=clock.now())
    flags.put_up("a", pause)

    assert not flags.finish("a", resumed_at=clock.now())
    assert flags.read(["a"])["a"].is_up


@pytest.mark.parametrize(
    ("after", "excused"), [(timedelta(0), True), (29 * MINUTE, True), (30 * MINUTE, False)]
)
def test_old_messages_are_excused_while_it_is_paused_and_for_half_an_hour_after(
    flags, pause, clock, after, excused
):
    flags.put_up("a", pause)
    assert flags.read(["a"])["a"].excuses(clock.now() + timedelta(days=30))

    flags.take_down("a", phase=Phase.OVER, at=clock.now())

    assert flags.read(["a"])["a"].excuses(clock.now() + after) is excused


def test_more_flags_than_a_call_takes(flags, pause):
    for n in range(120):
        flags.put_up(f"f{n}", pause)

    assert len(flags.read([f"f{n}" for n in range(130)])) == 120


def test_a_pause_that_is_over_is_forgotten_in_the_end_and_no_other(aws, table, pause, clock):
    flags = DynamoDBFlags(aws("dynamodb"), table=table)
    flags.put_up("a", pause)
    flags.put_up("b", pause)
    flags.take_down("a", phase=Phase.OVER, at=clock.now())

    items = {item["id"]["S"]: item for item in aws("dynamodb").scan(TableName=table)["Items"]}

    assert int(items["a"]["expiration"]["N"]) == int((clock.now() + timedelta(days=1)).timestamp())
    assert "expiration" not in items["b"]


def test_a_store_that_does_not_answer_is_unavailable(aws, table, pause, clock):
    client = aws("dynamodb")
    flags = DynamoDBFlags(client, table=table)

    def fail(**_):
        raise EndpointConnectionError(endpoint_url="here")

    for method in ("batch_get_item", "put_item", "update_item"):
        setattr(client, method, fail)

    for act in (
        lambda: flags.read(["a"]),
        lambda: flags.put_up("a", pause),
        lambda: flags.take_down("a", phase=Phase.OVER, at=clock.now()),
    ):
        with pytest.raises(Unavailable):
            act()
