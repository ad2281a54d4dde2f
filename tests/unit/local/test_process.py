"""Child processes end with whoever started them, however that ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from infra.local.process import KEEPER, kept, tail

DEADLINE_SECONDS = 10
# A command that leaves a process of its own behind, as an emulator does with its functions.
COMMAND = ["sh", "-c", "sleep 300 & echo $$ $!; wait"]
STARTER = """
import os, pathlib, sys, time
from infra.local.process import kept
directory, log, *command = sys.argv[1:]
with kept(command, env=dict(os.environ), directory=pathlib.Path(directory), log=pathlib.Path(log)):
    time.sleep(300)
"""


def pids_in(log):
    """The process ids that the command told, once it has."""
    return eventually(lambda: [int(pid) for pid in log.read_text().split()] if log.exists() else [])


def eventually(look):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, "it didn't come"
        time.sleep(0.01)
    return seen


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as stat:  # gone, but for whoever should have asked how it ended
            return ") Z " not in stat.read()
    except (ProcessLookupError, FileNotFoundError):
        return False  # it went between the two looks


needs_proc = pytest.mark.skipif(
    not os.path.exists("/proc/self/stat"), reason="reads process states from /proc"
)


@needs_proc
def test_nothing_of_a_command_outlives_the_block(tmp_path):
    log = tmp_path / "log"
    with kept(COMMAND, env=dict(os.environ), directory=tmp_path, log=log):
        pids = pids_in(log)

    assert not any(map(is_alive, pids))


@needs_proc
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_of_a_command_outlives_its_starter(tmp_path, sent):
    log = tmp_path / "log"
    starter = subprocess.Popen([sys.executable, "-c", STARTER, tmp_path, log, *COMMAND])
    pids = pids_in(log)

    starter.send_signal(sent)
    starter.wait()

    assert eventually(lambda: not any(map(is_alive, pids)))


@needs_proc
def test_a_command_that_will_not_end_is_made_to(tmp_path):
    log = tmp_path / "log"
    stubborn = ["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done"]
    with kept(stubborn, env=dict(os.environ), directory=tmp_path, log=log):
        pids = pids_in(log)

    assert not any(map(is_alive, pids))


@pytest.mark.parametrize("code", [0, 3])
def test_the_commands_exit_code_is_passed_on(tmp_path, code):
    with kept(
        ["sh", "-c", f"exit {code}"], env=dict(os.environ), directory=tmp_path, log=tmp_path / "log"
    ) as process:
        assert process.wait(DEADLINE_SECONDS) == code


def test_the_terminals_ctrl_c_is_the_starters_to_answer(tmp_path):
    log = tmp_path / "log"
    with kept(COMMAND, env=dict(os.environ), directory=tmp_path, log=log) as process:
        pids_in(log)
        process.send_signal(signal.SIGINT)

        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)


def test_the_keeper_needs_nothing_installed():
    with subprocess.Popen([sys.executable, "-I", "-S", KEEPER, "true"], stdin=subprocess.PIPE) as keeper:
        assert keeper.wait(DEADLINE_SECONDS) == 0


def test_the_tail_is_the_end_of_a_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("\n".join(map(str, range(100))))

    assert tail(log).splitlines()[-1] == "99"
    assert len(tail(log).splitlines()) == 30
