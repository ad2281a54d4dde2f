"""One run at a time in a workspace, and nothing of the last one in the next."""

import os
import signal
import subprocess
import sys

import pytest

from infra.local.errors import AlreadyRunning
from infra.local.workspace import Workspace

HOLDER = """
import pathlib, sys, time
from infra.local.workspace import Workspace
with Workspace(pathlib.Path(sys.argv[1])).taken():
    print("taken", flush=True)
    time.sleep(300)
"""


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path):
    with (
        Workspace(tmp_path).taken(),
        pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"),
        Workspace(tmp_path).taken(),
    ):
        pass


def test_runs_in_different_places_do_not_know_of_each_other(tmp_path):
    with Workspace(tmp_path / "a").taken(), Workspace(tmp_path / "b").taken():
        pass


def test_a_run_that_was_killed_does_not_keep_the_next_from_starting(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "taken\n"
        holder.send_signal(signal.SIGKILL)

    with Workspace(tmp_path).taken():
        pass


def test_nothing_of_a_run_is_there_before_and_after_it(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.outputs.write_text("of a run that was killed")
    with workspace.taken():
        assert not workspace.outputs.exists()
        workspace.outputs.write_text("ours")
        workspace.state.mkdir()

    assert not workspace.outputs.exists()
    assert not workspace.state.exists()
