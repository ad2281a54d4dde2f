"""Letting a rule of AWS Solutions (cdk-nag) go: for one construct, and for a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IValidation

if TYPE_CHECKING:
    from constructs import Construct


def acknowledge(construct: Construct, rule: str, *, reason: str) -> None:
    """Accept what a rule finds in this construct."""
    acknowledgment = Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    Validations.of(construct).acknowledge(acknowledgment)


def acknowledge_wildcard(construct: Construct, resource: str, *, reason: str) -> None:
    """Accept this one resource with a wildcard in it in the policies of this construct."""
    construct.node.add_validation(_Wildcard(construct, resource, reason))


@jsii.implements(IValidation)
class _Wildcard:
    """Acknowledges by the resource's exact text, which is settled only once the stacks refer to one another."""

    def __init__(self, construct: Construct, resource: str, reason: str) -> None:
        self._construct = construct
        self._resource = resource
        self._reason = reason

    def validate(self) -> list[str]:
        resolved = Stack.of(self._construct).resolve(self._resource)
        acknowledge(self._construct, f"IAM5[Resource::{_flat(resolved)}]", reason=self._reason)
        return []


def _flat(resolved: Any) -> str:
    """A resource as cdk-nag writes it into a finding."""
    if isinstance(resolved, str):
        return resolved
    if "Fn::Join" in resolved:
        separator, parts = resolved["Fn::Join"]
        return str(separator).join(_flat(part) for part in parts)
    return json.dumps(resolved, separators=(",", ":"))
