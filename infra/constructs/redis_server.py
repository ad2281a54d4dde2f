"""The server of the queues on Redis, as far as functions need to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aws_cdk import aws_secretsmanager as secretsmanager

from headworks import settings

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.pipeline_function import PipelineFunction


class RedisServer(Protocol):
    """A Redis that a deployment has."""

    def let_in(self, function: PipelineFunction) -> None:
        """Tell a function where it is, and let it in; what else the function may do is settled by now."""


class GivenServer:
    """One that somebody else runs, at a URL without a secret in it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def let_in(self, function: PipelineFunction) -> None:
        """See `RedisServer.let_in`."""
        function.tell(settings.REDIS_URL, self._url)


class ServerInSecret:
    """One that somebody else runs, whose URL is a secret: functions read it when they run."""

    def __init__(self, scope: Construct, name: str) -> None:
        """`name` is the secret's name or its ARN."""
        self._name = name
        find = (
            secretsmanager.Secret.from_secret_complete_arn
            if name.startswith("arn:")
            else secretsmanager.Secret.from_secret_name_v2
        )
        self._secret = find(scope, "RedisUrl", name)

    def let_in(self, function: PipelineFunction) -> None:
        """See `RedisServer.let_in`."""
        function.tell(settings.REDIS_URL_SECRET, self._name)
        self._secret.grant_read(function.function)
