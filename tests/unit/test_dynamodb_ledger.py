"""The ledger's record is Powertools' own, without what its defaults lose."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.errors import Unavailable
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Lease
from tests.support.declarations import a_queue

MINUTE = timedelta(minutes=1)


def test_a_record_is_laid_out_as_powertools_lays_it_out(aws, table):
    ledger = DynamoDBLedger(a_queue(), "fulfil_order", aws("dynamodb"), table=table)

    ledger.lease("k", ends=MINUTE)

    [item] = aws("dynamodb").scan(TableName=table)["Items"]
    digest = hashlib.sha256(json.dumps({"idempotencykey": "k"}).encode()).hexdigest()
    assert item["id"]["S"] == f"orders/fulfil_order#{digest}"
    assert item["status"]["S"] == "INPROGRESS"
    assert set(item) == {"id", "status", "expiration", "in_progress_expiration"}


def test_consumers_of_one_queue_do_not_share_their_memory(aws, table):
    one, two = (DynamoDBLedger(a_queue(), name, aws("dynamodb"), table=table) for name in ("a_one", "a_two"))
    one.lease("k", ends=MINUTE)
    one.complete("k")

    assert two.lease("k", ends=MINUTE) is Lease.GRANTED


class Down:
    """A DynamoDB that nobody answers for."""

    class meta:  # noqa: N801 - boto3's name
        class events:  # noqa: N801
            @staticmethod
            def register(*_args, **_kwargs):
                """Powertools registers its user agent here."""

    def put_item(self, **_):
        raise EndpointConnectionError(endpoint_url="dynamodb")

    update_item = delete_item = put_item


def test_a_table_that_does_not_answer_is_our_own_trouble():
    ledger = DynamoDBLedger(a_queue(), "fulfil_order", Down(), table="t")

    with pytest.raises(Unavailable):
        ledger.lease("k", ends=MINUTE)
    with pytest.raises(Unavailable):
        ledger.complete("k")
    with pytest.raises(Unavailable):
        ledger.release("k")
