"""Which AWS services a function calls over the network, by the policies of its role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Interface endpoints ("AWS services that integrate with AWS PrivateLink"), by what a service's actions begin with.
ENDPOINTS = {
    "cloudwatch": "monitoring",
    "lambda": "lambda",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
}
# Reached through gateways; at the cache's own port; by Lambda on a function's behalf; or by those services
# that use a key for it.
_BY_OTHER_WAYS = {"dynamodb", "s3", "elasticache", "logs", "xray", "ec2", "kms"}


def services_called(statements: Iterable[Mapping[str, Any]]) -> list[str]:
    """The services that these statements of policies allow to call, and that take an interface endpoint."""
    actions = (action for statement in statements for action in _listed(statement["Action"]))
    return sorted({action.partition(":")[0] for action in actions} - _BY_OTHER_WAYS)


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
