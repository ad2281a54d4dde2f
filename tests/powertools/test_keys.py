"""Keys: which effects plain Powertools takes for the same one, and which a consumer here does."""

from __future__ import annotations

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyKeyError

from headworks.errors import InvalidDeclaration
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from tests.powertools.conftest import COMPLETED, IN_PROGRESS, do_nothing
from tests.support.declarations import a_queue


@pytest.fixture
def shared(stored):
    """One persistence layer, for several functions."""
    return DynamoDBPersistenceLayer(stored.name, boto3_client=stored.client)


# A payload without its key.


def test_plain_without_its_key_an_effect_is_repeated_and_nobody_is_told(plain, effects):
    charge = plain(effects.of, event_key_jmespath="id")

    for _ in range(2):
        with pytest.warns(UserWarning, match="No idempotency key value found"):
            charge(order={"amount": 1})

    assert len(effects) == 2


def test_ours_without_a_key_nothing_runs(plain, effects, ledger):
    charge = plain(effects.of, layer=ledger)

    with pytest.raises(IdempotencyKeyError):
        charge(order={})

    assert effects == []


def test_ours_every_message_has_a_key(ours, stored, effects):
    bare = sqs_event(sqs_record('{"amount": 1}', message_id="m1"))
    consumer = ours.consumer(effects.append)

    consumer(bare, FakeContext())
    consumer(bare, FakeContext())

    assert len(effects) == 1
    assert stored.item["key"] == "m1"


# Two functions on one persistence object.


def test_plain_the_first_function_decides_how_the_second_makes_its_keys(plain, shared, effects):
    charge = plain(do_nothing, layer=shared, prefix="charge", event_key_jmespath="id")
    welcome = plain(effects.of, layer=shared, prefix="welcome", event_key_jmespath="customer")

    charge(order={"id": "o1", "customer": "ada"})
    welcome(order={"id": "o1", "customer": "ada"})
    welcome(order={"id": "o2", "customer": "ada"})

    # It was to happen once a customer.
    assert len(effects) == 2


def test_ours_a_function_that_wants_its_keys_made_otherwise_is_refused(plain, ledger, effects):
    welcome = plain(effects.of, layer=ledger, event_key_jmespath="customer")

    with pytest.raises(InvalidDeclaration, match="orders/fulfil_order"):
        welcome(order={"id": "o1", "customer": "ada"})

    assert effects == []


# Two consumers on one persistence object, one within the other's time.


def test_plain_a_function_takes_over_the_prefix_of_the_one_that_runs(plain, shared, stored):
    notify = plain(do_nothing, layer=shared, prefix="notify")
    fulfil = plain(lambda order: notify(order=order), layer=shared, prefix="fulfil")

    fulfil(order="o1")

    # `fulfil` is done, and was written down as `notify`: its own record is in progress for good.
    states = {item["id"].partition("#")[0]: item["status"] for item in stored.items}
    assert states == {"fulfil": IN_PROGRESS, "notify": COMPLETED}


def test_ours_each_consumer_has_its_own(plain, stored):
    def ledger_of(consumer):
        queue = a_queue(consumers=("fulfil_order", "notify_customer"))
        return DynamoDBLedger(queue, consumer, stored.client, table=stored.name)

    notify = plain(do_nothing, layer=ledger_of("notify_customer"))
    fulfil = plain(lambda order: notify(order=order), layer=ledger_of("fulfil_order"))

    fulfil(order="o1")

    states = {item["id"].partition("#")[0]: item["status"] for item in stored.items}
    assert states == {"orders/fulfil_order": COMPLETED, "orders/notify_customer": COMPLETED}


# The digest.


def test_plain_keys_are_md5(plain, stored):
    plain(do_nothing)(order="o1")

    assert len(stored.item["id"].rpartition("#")[2]) == 32


def test_ours_keys_are_sha256(ours, stored):
    ours.receive(do_nothing, "o1")

    assert len(stored.item["id"].rpartition("#")[2]) == 64


# A handler gets another name.


def charging(effects):
    def charge(order):
        effects.append(order)

    return charge


def charging_under_another_name(effects):
    def charge_customer(order):
        effects.append(order)

    return charge_customer


def test_plain_renaming_a_function_forgets_everything(plain, effects):
    plain(charging(effects))(order="o1")
    plain(charging_under_another_name(effects))(order="o1")

    assert effects == ["o1", "o1"]


def test_ours_a_handler_may_be_renamed(ours, effects):
    ours.receive(charging(effects), "o1")
    ours.receive(charging_under_another_name(effects), "o1")

    assert len(effects) == 1
