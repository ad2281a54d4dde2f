"""What all commands have in common."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from infra.cli.main import app
from infra.cli.options import complete_consumer, complete_queue, complete_source
from pipeline import TOPOLOGY


def leaves(command, *path):
    """Every command with its path."""
    for name, each in getattr(command, "commands", {}).items():
        yield from leaves(each, *path, name)
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_speaks_json(path):
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}

    told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "60"})

    assert told.exit_code == 0
    assert COMMANDS[path].help
    assert "--directory" in options
    # These go on until they are stopped, and what they show is what happens meanwhile.
    assert path in {("dev",), ("work",)} or "--json" in options


def test_the_shell_completes_names_of_the_pipeline():
    assert complete_queue("") == [queue.name for queue in TOPOLOGY.queues]
    assert complete_queue("order-") == ["order-events"]
    assert complete_consumer("deliver") == ["deliver_webhook"]
    assert complete_source("str") == ["stripe"]
    assert complete_source("no such") == []


def test_a_shell_that_asks_is_answered():
    asked = {"_HEADWORKS_COMPLETE": "complete_bash", "COMP_WORDS": "headworks pause we", "COMP_CWORD": "2"}

    answered = CliRunner().invoke(app, [], env=asked, prog_name="headworks")

    assert answered.stdout.split() == ["webhooks"]
