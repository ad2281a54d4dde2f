"""What a pipeline must keep to, checked at synthesis: before anything is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Validations,
)
from cdk_nag import AwsSolutionsChecks

from headworks.errors import InvalidDeclaration
from headworks.upkeep import UPKEEP
from infra.rules import Templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import App

    from headworks.topology import Topology
    from infra.rules import Violation
    from infra.tree import Tree


def guard(app: App) -> None:
    """Hold every stack of an app to AWS Solutions' rules (cdk-nag) and to ours."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), PipelineRules())


def check_packages(topology: Topology, tree: Tree) -> None:
    """Every declared function has its package, and every package is declared."""
    declared = topology.functions | {each.function for each in UPKEEP}
    handlers = [tree.functions / package / "handler.py" for package in sorted(declared)]
    if missing := [str(handler.relative_to(tree.root)) for handler in handlers if not handler.is_file()]:
        raise InvalidDeclaration(f"declared, but not there: {', '.join(missing)}")
    packages = {handler.parent.name for handler in tree.functions.glob("*/handler.py")}
    if unnamed := sorted(packages - declared):
        raise InvalidDeclaration(
            f"no queue and no edge names {', '.join(unnamed)}: declare the function, or delete its package"
        )


@jsii.implements(IPolicyValidationPlugin)
class PipelineRules:
    """Our rules, in the report in which the CDK tells of broken ones."""

    @property
    def name(self) -> str:
        """What acknowledgments begin with: `Headworks::LogRetention`."""
        return "Headworks"

    @property
    def version(self) -> None:
        """None of its own."""

    @property
    def rule_ids(self) -> None:
        """Not told: nobody counts them."""

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        paths = {stack.stack_construct_path: stack.template_path for stack in context.stack_templates}
        templates = {stack: json.loads(Path(path).read_text()) for stack, path in paths.items()}
        violations = [_reported(violation, paths) for violation in Templates(templates).violations()]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def _reported(violation: Violation, template_paths: Mapping[str, str]) -> PolicyViolation:
    stack, logical_id = violation.resource
    return PolicyViolation(
        rule_name=violation.rule,
        description=violation.why,
        fix=violation.fix,
        severity="error",
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id=logical_id, template_path=template_paths[stack], locations=["Properties"]
            )
        ],
    )
