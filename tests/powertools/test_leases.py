"""Leases: who may run, until when, and who may say so."""

from __future__ import annotations

import asyncio
import gc
import warnings
from datetime import timedelta
from hashlib import md5

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyItemAlreadyExistsError,
    IdempotencyPersistenceLayerError,
)
from botocore.awsrequest import AWSResponse

from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.fenced import FencedPersistenceLayer
from headworks.ledger.ledger import Entry, Failure, Held, Lease, State, Suspect
from headworks.outcome import Defer
from headworks.testing.clock import NEW_YEAR
from headworks.testing.events import FakeContext
from tests.powertools.conftest import COMPLETED, IN_PROGRESS, do_nothing
from tests.support.declarations import SECOND, a_queue
from tests.support.partiql import answer_instead_of_moto, partiql_or_moto

MINUTE = timedelta(minutes=1)
HOUR_SECONDS = 3600
ENDED_MS, MINUTE_MS = -1000, 60_000
ENTRY = Entry(key="o1", message_id="msg_1", type="order.placed", source="shop")
FAILURE = Failure(attempt=1, at=NEW_YEAR, error_type="RuntimeError", error="no")


class Died(BaseException):
    """The process ended here, as far as `except Exception` can tell."""


def die(order):
    raise Died


# An owner whose lease has ended goes on, while the next one runs.


@pytest.fixture(params=[DynamoDBPersistenceLayer, FencedPersistenceLayer])
def owners(request, stored):
    """Three processes with a persistence layer each, and whether it is plain."""
    is_plain = request.param is DynamoDBPersistenceLayer

    def process():
        if not is_plain:
            return FencedPersistenceLayer("p", stored.client, table=stored.name, remembered_for=MINUTE)
        layer = DynamoDBPersistenceLayer(stored.name, boto3_client=stored.client)
        layer.configure(IdempotencyConfig(), key_prefix="p")
        return layer

    return is_plain, [process() for _ in range(3)]


def test_a_late_failure_releases_the_next_owners_lease_in_plain_and_not_in_ours(owners):
    is_plain, (late, next_owner, third) = owners
    late.save_inprogress("o1", ENDED_MS)
    next_owner.save_inprogress("o1", MINUTE_MS)

    late.delete_record("o1", RuntimeError("no"))

    if is_plain:
        third.save_inprogress("o1", MINUTE_MS)
    else:
        with pytest.raises(IdempotencyItemAlreadyExistsError):
            third.save_inprogress("o1", MINUTE_MS)


def test_a_late_success_ends_the_next_owners_run_in_plain_and_not_in_ours(owners, stored):
    is_plain, (late, next_owner, _) = owners
    late.save_inprogress("o1", ENDED_MS)
    next_owner.save_inprogress("o1", MINUTE_MS)

    late.save_success("o1", {"by": "the late one"})

    assert stored.item["status"] == (COMPLETED if is_plain else IN_PROGRESS)


def test_ours_a_late_owner_of_the_ledger_changes_nothing(ledger, stored, clock):
    [late] = ledger.lease([ENTRY], lasts=MINUTE)
    clock.advance(MINUTE)
    [suspect] = ledger.lease([ENTRY], lasts=MINUTE)
    assert isinstance(suspect, Suspect)
    ledger.take_over(suspect, lasts=MINUTE)
    before = stored.items

    assert ledger.complete([late]) == [False]
    assert not ledger.retry(late, FAILURE, due=clock.now())
    assert not ledger.release(late, due=clock.now())
    assert stored.items == before


# The process dies, and nobody had told Powertools of the Lambda context.


def test_plain_without_the_lambda_context_a_dead_process_keeps_its_key_for_an_hour(stored):
    layer = DynamoDBPersistenceLayer(stored.name, boto3_client=stored.client)
    layer.configure(IdempotencyConfig(), key_prefix="p")

    with pytest.warns(UserWarning, match="register_lambda_context"):
        layer.save_inprogress("o1")

    assert "in_progress_expiration" not in stored.item
    with (
        pytest.warns(UserWarning, match="register_lambda_context"),
        pytest.raises(IdempotencyItemAlreadyExistsError),
    ):
        layer.save_inprogress("o1")
    assert layer.expires_after_seconds == HOUR_SECONDS


def test_ours_a_dead_process_keeps_its_key_until_its_invocation_would_have_ended(
    ours, clock, stored, effects
):
    ours.receive(die, "o1", context=FakeContext(remaining_ms=MINUTE_MS))
    assert stored.item["in_progress_expiration"] == str(int((clock.now() + MINUTE).timestamp() * 1000))

    clock.advance(MINUTE)

    assert ours.receive(effects.append, "o1") == []
    assert (len(effects), stored.item["crashes"]) == (1, "1")


# The window in which Powertools remembers is shorter than the run.


def test_plain_a_record_whose_window_is_over_is_taken_over_while_its_owner_runs(plain, effects):
    def run(order):
        effects.append(order)
        if len(effects) == 1:
            again(order=order)

    again = plain(run, expires_after_seconds=-1)

    again(order="o1")

    assert len(effects) == 2


def test_ours_what_is_remembered_outlives_every_lease(ledger, stored):
    [lease] = ledger.lease([ENTRY], lasts=timedelta(minutes=15))

    assert int(stored.item["expiration"]) > lease.ends.timestamp() + timedelta(days=26).total_seconds()


# Somebody else holds the lease.


def test_plain_nobody_is_told_when_the_key_is_free_again(plain):
    charge = plain(do_nothing, prefix="charge")
    outer = plain(lambda order: charge(order=order), prefix="charge")

    with pytest.raises(IdempotencyAlreadyInProgressError) as told:
        outer(order="o1")

    key = md5(b'"o1"', usedforsecurity=False).hexdigest()
    assert str(told.value) == f"Execution already in progress with idempotency key: =charge#{key}"
    assert [name for name in vars(told.value) if name not in ("message", "details")] == []


def test_ours_a_key_that_is_held_says_until_when_and_the_message_comes_back_then(ours, ledger, clock):
    ledger.lease([ENTRY], lasts=7 * SECOND)
    [held] = ledger.lease([ENTRY], lasts=MINUTE)
    assert held == Held(until=clock.now() + 7 * SECOND, why=held.why)

    assert ours.receive(do_nothing, "o1") == ["o1"]
    assert isinstance(ours.outcome, Defer)
    assert ours.outcome.after == 7 * SECOND


# The store wrote, its reply was lost, and botocore asks again.


@pytest.fixture
def forgetful(aws, stored):
    """The same table through a client whose first reply is lost: botocore asks again by itself."""
    answered = partiql_or_moto(aws("dynamodb"))
    replies = []

    def answer(request, event_name, **_):
        replies.append(answered(request, event_name))
        return AWSResponse(request.url, 500, {}, replies[0].raw) if len(replies) == 1 else replies[-1]

    client = aws("dynamodb")
    answer_instead_of_moto(client, answer)
    yield client
    assert len(replies) > 1


def test_plain_a_repeated_write_is_blocked_by_its_own_record(plain, forgetful, stored, effects):
    charge = plain(effects.of, layer=DynamoDBPersistenceLayer(stored.name, boto3_client=forgetful))

    with pytest.raises(IdempotencyAlreadyInProgressError):
        charge(order="o1")

    assert effects == []


def test_ours_a_repeated_write_recognises_itself(plain, forgetful, stored, effects):
    ledger = DynamoDBLedger(a_queue(), "fulfil_order", forgetful, table=stored.name)

    plain(effects.of, layer=ledger)(order="o1")

    assert effects == ["o1"]


def test_ours_so_does_a_lease_in_bulk(forgetful, stored):
    ledger = DynamoDBLedger(a_queue(), "fulfil_order", forgetful, table=stored.name)

    [answer] = ledger.lease([ENTRY], lasts=MINUTE)

    assert isinstance(answer, Lease)


# A cancelled run.


def cancel(order):
    raise asyncio.CancelledError


async def cancel_async(message):
    raise asyncio.CancelledError


def test_plain_a_cancelled_run_keeps_its_lease(plain, stored):
    with pytest.raises(asyncio.CancelledError):
        plain(cancel)(order="o1")

    assert stored.item["status"] == IN_PROGRESS
    with pytest.raises(IdempotencyAlreadyInProgressError):
        plain(cancel)(order="o1")


@pytest.mark.parametrize("handle", [cancel, cancel_async])
def test_ours_a_cancelled_run_is_a_failed_attempt(ours, stored, clock, effects, handle):
    ours.receive(handle, "o1")
    assert stored.item["state"] == State.RETRYING

    clock.advance(SECOND)

    assert ours.receive(effects.append, "o1") == []
    assert len(effects) == 1


# An `async def` function.


def test_plain_an_async_function_never_runs_and_its_key_stays_in_progress(plain, stored, effects):
    async def charge(order):
        effects.append(order)

    with warnings.catch_warnings():
        # The coroutine that nobody awaits.
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(IdempotencyPersistenceLayerError, match="coroutine"):
            plain(charge)(order="o1")
        gc.collect()

    assert (effects, stored.item["status"]) == ([], IN_PROGRESS)


def test_ours_an_async_handler_runs_and_is_completed(ours, stored, effects):
    async def charge(message):
        effects.append(message.idempotency_key)

    ours.receive(charge, "o1")

    assert (effects, stored.item["status"]) == (["o1"], COMPLETED)
