"""AWS clients: the only place that makes them.

Each is made once a process and shared by its threads.  Time limits are short, since
whoever waits for us gives up soon: a webhook's sender after 3 to 10 seconds.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from headworks.version import __version__

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from headworks.brokers.redis.address import Address
    from headworks.brokers.redis.connection import Connection
    from headworks.settings import RedisUrl

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 2
ATTEMPTS = 3
REDIS_ANSWER_SECONDS = 2.0
REDIS_PATIENCE_SECONDS = 3.0
# At least as many connections as handlers that run at once, or they queue for one.
POOL_CONNECTIONS = 50
# ReceiveMessage: WaitTimeSeconds.
LONGEST_POLL_SECONDS = 20


def config(*, read_timeout: int = READ_TIMEOUT_SECONDS, attempts: int = ATTEMPTS) -> Config:
    """How every client waits, retries and pools."""
    return Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=POOL_CONNECTIONS,
        # A quarter of what a bulk request costs; AWS refuses what is wrong, and the type checker does before.
        parameter_validation=False,
        # botocore builds its own anew for each request, which takes a twentieth of a batch.
        user_agent=f"headworks/{__version__} boto3/{boto3.__version__}",
    )


@cache
def sqs() -> SQSClient:
    """The client that brokers send and settle through."""
    return boto3.client("sqs", config=config())


@cache
def sqs_to_receive() -> SQSClient:
    """The client that workers poll with: an answer may take as long as the longest poll."""
    return boto3.client("sqs", config=config(read_timeout=LONGEST_POLL_SECONDS + READ_TIMEOUT_SECONDS))


@cache
def sns() -> SNSClient:
    """The client that sends to queues with several consumers."""
    return boto3.client("sns", config=config())


@cache
def dynamodb() -> DynamoDBClient:
    """The client of the ledger and of deduplication."""
    return boto3.client("dynamodb", config=config())


@cache
def s3() -> S3Client:
    """The client of the claim check; megabytes may take a little longer."""
    return boto3.client("s3", config=config(read_timeout=10))


@cache
def secrets_manager() -> SecretsManagerClient:
    """The client that reads signing secrets and tokens."""
    return boto3.client("secretsmanager", config=config())


@cache
def ssm() -> Any:
    """The client that reads where consumers' parts are."""
    return boto3.client("ssm", config=config())


@cache
def cloudwatch() -> Any:
    """The client that asks for metrics; many at once take a little longer."""
    return boto3.client("cloudwatch", config=config(read_timeout=5))


@cache
def redis_address(url: RedisUrl) -> Address:
    """Where a Redis is.  Raises `Unavailable` when the URL is a secret that can't be read now."""
    # Imported here: nobody else's cold start pays for it.
    from headworks.brokers.redis.address import address_in, address_of

    if not url.secret:
        return address_of(url.text)
    from headworks.webhooks.secrets import SecretsManager

    return address_in(url.secret, SecretsManager(secrets_manager()))


@cache
def redis(url: RedisUrl) -> Connection:
    """The connection that messages are sent to a Redis by, which is made when it is used first."""
    from headworks.brokers.redis.connection import Connection

    return Connection(
        redis_address(url), answers_within=REDIS_ANSWER_SECONDS, patience=REDIS_PATIENCE_SECONDS
    )


@cache
def lambda_() -> Any:
    """The client that pauses and resumes consumers."""
    return boto3.client("lambda", config=config())


@cache
def lambda_to_invoke(seconds: int) -> Any:
    """A client that waits so long for a function's answer, and never asks twice for the same."""
    return boto3.client("lambda", config=config(read_timeout=seconds, attempts=1))
