"""The witness remembers what a process did that was killed right after."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.books import Step
from tests.chaos.witness import tell, witness

DOES_IT_AND_DIES = """
import os, signal, sys
from tests.chaos.books import Step
from tests.chaos.witness import tell
tell(sys.argv[1], Step(key="a", process=str(os.getpid()), attempt=1))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_done_before_a_sigkill_is_known(tmp_path):
    with witness(tmp_path / "journal") as outside:
        died = subprocess.run([sys.executable, "-c", DOES_IT_AND_DIES, outside.url], check=False)

        assert died.returncode == -signal.SIGKILL
        [step] = outside.told
        assert (step.key, step.attempt) == ("a", 1)


def test_many_at_once_are_each_written_once_and_whole(tmp_path):
    steps = [Step(key=f"key {n}", process="p", attempt=n) for n in range(100)]

    with witness(tmp_path / "journal") as outside, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda step: tell(outside.url, step), steps))

        assert sorted(outside.told, key=lambda step: step.attempt) == steps


def test_who_dies_in_the_middle_of_telling_has_done_nothing(tmp_path):
    with witness(tmp_path / "journal") as outside:
        host, _, port = outside.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\na\tp")
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1)

        assert not answer
        assert outside.told == []
