"""CloudFormation would take the templates: cfn-lint finds nothing, not even to warn of."""

from __future__ import annotations

import cfnlint.api
from cfnlint.config import ManualArgs


def test_cfn_lint_finds_nothing(synthesised):
    # The CDK makes a function wait for its role and for the role's policies; W3005 calls the first needless.
    config = ManualArgs(regions=["us-east-1"], ignore_checks=["W3005"])

    found = [
        str(match)
        for name in synthesised.templates
        for match in cfnlint.api.lint(
            (synthesised.assembly / f"{name}.template.json").read_text(),
            config=config,
        )
    ]

    assert found == []
