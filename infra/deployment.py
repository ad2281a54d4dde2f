"""What one deployment is told beside the declarations."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from aws_cdk import RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from headworks.brokers.redis.address import address_of
from headworks.errors import InvalidDeclaration
from infra.cache_limits import CacheLimits
from infra.dependencies import Target
from infra.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Node

    from headworks.outbound.endpoints import Endpoint
    from headworks.topology import Topology

# The newest runtime of Lambda for which every dependency has a wheel.
RUNTIME = lambda_.Runtime.PYTHON_3_14
ON_LAMBDA = Target(python=RUNTIME.name.removeprefix("python"), platform="aarch64-manylinux2014")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of the pipeline: given as `-c key=value`, or under `context` in cdk.json.

    `local` is the run on a laptop: functions run in the interpreter that is there, and
    nothing outlives the run.  `allowed_networks` are private networks (CIDR, joined by
    commas) that deliveries may go to.  `endpoint_urls` are the URLs that this deployment
    gives, by endpoint.  `alarm_email` is told of every alarm.  Queues that are declared to
    travel over Redis have a server in one of three ways, and go over SQS without: `redis_url` names
    one, `redis_url_secret` names the secret (by name or ARN) with the URL of one, and with
    `low_latency` a cache of the pipeline's own is made, within these limits.  Requests above
    `requests_per_second` and `burst` are answered 429, which every provider retries.
    """

    local: bool = False
    allowed_networks: str | None = None
    endpoint_urls: Mapping[str, str] = field(default_factory=dict)
    alarm_email: str | None = None
    redis_url: str | None = None
    redis_url_secret: str | None = None
    requests_per_second: int = 1000
    burst: int = 2000
    low_latency: CacheLimits | None = None
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH
    tree: Tree = field(default_factory=Tree)

    def __post_init__(self) -> None:
        if self.local and self.low_latency:
            raise InvalidDeclaration(
                "low_latency=true: a local run has no ElastiCache; leave it out, or deploy to AWS"
            )
        ways = {
            "redis_url=...": self.redis_url,
            "redis_url_secret=...": self.redis_url_secret,
            "low_latency=true": self.low_latency,
        }
        if len(named := [way for way, value in ways.items() if value]) > 1:
            raise InvalidDeclaration(
                f"{' and '.join(named)}: queues on Redis travel over one server; leave all but one of them out"
            )

    @classmethod
    def from_context(cls, node: Node, topology: Topology) -> Deployment:
        """The deployment that the CDK's context describes."""
        given = {endpoint: node.try_get_context(endpoint.context_key) for endpoint in topology.endpoints}
        return cls(
            local=node.try_get_context("local") in (True, "true"),
            allowed_networks=node.try_get_context("allowed_networks"),
            endpoint_urls={
                # Checked as a declared one is.
                endpoint.name: str(replace(endpoint, url=url).url)
                for endpoint, url in given.items()
                if url
            },
            alarm_email=node.try_get_context("alarm_email"),
            redis_url=_redis_url(node.try_get_context("redis_url")),
            redis_url_secret=node.try_get_context("redis_url_secret") or None,
            low_latency=CacheLimits.from_context(node),
        )

    def url_of(self, endpoint: Endpoint) -> str | None:
        """Where deliveries to an endpoint go: the deployment's word before the declaration's."""
        return self.endpoint_urls.get(endpoint.name) or endpoint.url

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What becomes of accepted messages when their resource leaves the stack: they stay, but for the local run's."""
        return RemovalPolicy.DESTROY if self.local else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

    @property
    def log_level(self) -> Literal["DEBUG", "INFO"]:
        """The level that functions log at: the local run tells when each attempt starts."""
        return "DEBUG" if self.local else "INFO"

    @property
    def architecture(self) -> lambda_.Architecture:
        """The processor that functions run on."""
        return lambda_.Architecture.X86_64 if self._machine == "x86_64" else lambda_.Architecture.ARM_64

    @property
    def target(self) -> Target:
        """The interpreter that the dependencies are installed for."""
        if not self.local:
            return ON_LAMBDA
        return Target(python=".".join(map(str, sys.version_info[:2])), platform=None)

    @property
    def _machine(self) -> Literal["arm64", "x86_64"]:
        return "x86_64" if self.local and platform.machine().lower() in ("x86_64", "amd64") else "arm64"


def _redis_url(url: str | None) -> str | None:
    """A Redis' URL, if it is one without a secret in it.  Raises `InvalidDeclaration`."""
    if not url:
        return None
    if urlsplit(url).password:
        # Without the URL: whoever reads this isn't always who may know the password.
        raise InvalidDeclaration(
            "redis_url has a password, which would stand in the templates and in the functions' settings: keep the URL in "
            "a secret of Secrets Manager, and give its name or ARN with `-c redis_url_secret=...`"
        )
    address_of(url)
    return url
