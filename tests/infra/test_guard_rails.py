"""What can't work or isn't safe is refused at synthesis, with a sentence that says why."""

from __future__ import annotations

import json

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from headworks.errors import InvalidDeclaration
from infra.guard_rails import check_packages, guard
from infra.tree import Tree
from tests.infra.conftest import OTHER, PACKAGES, add_package


def test_nothing_breaks_a_rule_without_a_reason(synthesised):
    report = json.loads((synthesised.assembly / "validation-report.json").read_text())

    for plugin in report["pluginReports"]:
        assert plugin["violations"] == []
        assert all(each["reason"] for each in plugin["suppressedViolations"])


def test_a_declared_function_without_its_package_is_named(tmp_path):
    for package in PACKAGES:
        if package not in ("bury_crashed", "pick_order_line"):
            add_package(tmp_path, package)

    with pytest.raises(
        InvalidDeclaration,
        match=r"not there: functions/bury_crashed/handler\.py, functions/pick_order_line/handler\.py$",
    ):
        check_packages(OTHER, Tree(root=tmp_path))


def test_a_function_package_that_nothing_declares_is_named(tmp_path):
    for package in (*PACKAGES, "burn_letter"):
        add_package(tmp_path, package)

    with pytest.raises(InvalidDeclaration, match="no queue and no edge names burn_letter"):
        check_packages(OTHER, Tree(root=tmp_path))


def test_synthesis_fails_for_what_was_added_with_plain_cdk_unless_it_is_acknowledged(tmp_path):
    app = cdk.App(outdir=str(tmp_path))
    guard(app)
    stack = cdk.Stack(app, "Careless")
    sqs.Queue(stack, "Queue", enforce_ssl=True)
    logs.LogGroup(stack, "Eternal", retention=logs.RetentionDays.INFINITE)
    archive = logs.LogGroup(stack, "Archive", retention=logs.RetentionDays.INFINITE)
    acknowledgment = cdk.Acknowledgment(id="Headworks::LogRetention", reason="The auditors want them.")
    cdk.Validations.of(archive).acknowledge(acknowledgment)

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()

    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert {
        (plugin["pluginName"], violation["ruleName"], violation["violatingConstructs"][0]["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
    } == {
        ("AwsSolutions", "AwsSolutions-SQS3", "Careless/Queue/Resource"),
        ("Headworks", "LogRetention", "Careless/Eternal/Resource"),
    }
