"""The ledger in DynamoDB, kept by Powertools' idempotency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS
from botocore.exceptions import BotoCoreError, ClientError

from headworks.errors import Unavailable
from headworks.ledger.ledger import Lease

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from mypy_boto3_dynamodb import DynamoDBClient

    from headworks.queue import Queue

from contextlib import contextmanager


class DynamoDBLedger:
    """One consumer's leases and completions.

    The record is Powertools' own, under a prefix that a rename of the function leaves
    alone.  Where Powertools' defaults lose something, this doesn't take them: SHA-256 for
    MD5, an error for a missing key, a lease that ends with the invocation, one object a
    consumer.
    """

    def __init__(self, queue: Queue, consumer: str, client: DynamoDBClient, *, table: str) -> None:
        self._records = DynamoDBPersistenceLayer(table_name=table, boto3_client=client)
        self._records.configure(
            IdempotencyConfig(
                hash_function="sha256",
                raise_on_no_idempotency_key=True,
                expires_after_seconds=int(queue.memory_of_keys.total_seconds()),
            ),
            key_prefix=f"{queue.name}/{consumer}",
        )

    def lease(self, key: str, *, ends: timedelta) -> Lease:
        with _store_trouble():
            try:
                self._records.save_inprogress(
                    _data(key), remaining_time_in_millis=int(ends.total_seconds() * 1000)
                )
            except IdempotencyItemAlreadyExistsError as error:
                existing = error.old_data_record or self._records.get_record(_data(key))
                completed = existing is not None and existing.status == STATUS_CONSTANTS["COMPLETED"]
                return Lease.COMPLETED if completed else Lease.HELD_ELSEWHERE
        return Lease.GRANTED

    def complete(self, key: str) -> None:
        with _store_trouble():
            self._records.save_success(_data(key), result={})

    def release(self, key: str) -> None:
        with _store_trouble():
            self._records.delete_record(_data(key), Exception("the attempt failed"))


def _data(key: str) -> dict[str, object]:
    return {"idempotencykey": key}


@contextmanager
def _store_trouble() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("the ledger", error) from error
