"""`headworks dev`: everything up, the samples sent, and the timeline until Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Never

from botocore.exceptions import BotoCoreError

from infra.local.aws import clients_of
from infra.local.deployment import deploy
from infra.local.emulator import running_emulator
from infra.local.errors import EmulatorFailed, LocalRunError
from infra.local.inbox import Inbox, serving
from infra.local.log_feed import EmulatorLog, FunctionLogs
from infra.local.process import tail
from infra.local.redis import running_redis
from infra.local.samples import own_samples, send
from infra.local.timeline import Timeline
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from infra.local.deployment import Step
    from infra.local.emulator import Emulator
    from infra.local.outputs import Outputs
    from infra.local.redis import LocalRedis
    from infra.local.screen import Screen
    from infra.local.workspace import Workspace

POLL_SECONDS = 0.3
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked the run to end.

    Not an `Exception`: botocore takes those for its own trouble, in whose midst it may come.
    """


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A pipeline that is up on this machine."""

    workspace: Workspace
    emulator: Emulator
    outputs: Outputs
    redis: LocalRedis | None = None


@contextmanager
def local_run(workspace: Workspace, step: Step, *, with_redis: bool) -> Iterator[LocalRun]:
    """The whole pipeline, deployed on this machine, while the block runs; no process of it stays behind.

    Without Redis, its queues go over SQS, as in a deployment that has none.

    Raises `LocalRunError`.
    """
    with ExitStack() as stack:
        stack.enter_context(workspace.taken())
        inbox_url = stack.enter_context(serving(Inbox()))
        with step("Starting the AWS emulator"):
            emulator = stack.enter_context(running_emulator(workspace))
        redis = None
        if with_redis and any(queue.transport == "redis" for queue in TOPOLOGY.queues):
            with step("Starting Redis"):
                redis = stack.enter_context(running_redis(workspace))
        outputs = deploy(
            workspace,
            aws_endpoint_url=emulator.url,
            inbox_url=inbox_url,
            redis_url=redis.url if redis else None,
            step=step,
        )
        yield LocalRun(workspace, emulator, outputs, redis)


def dev(workspace: Workspace, screen: Screen, *, samples: bool, with_redis: bool, with_parent: bool) -> None:
    """Run the pipeline and tell what happens in it until somebody stops it.

    With `with_parent`, the end of whoever started this process stops it too.  Raises `LocalRunError`.
    """
    if with_parent:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        with _stopped_by_signals(), local_run(workspace, screen.step, with_redis=with_redis) as run:
            screen.summary(run.outputs)
            if samples:
                threading.Thread(target=_send_samples, args=(run.outputs, screen), daemon=True).start()
            _tell(run, screen)
    except Stopped:
        screen.say("Stopped.")


def _tell(run: LocalRun, screen: Screen) -> Never:
    timeline = Timeline()
    feeds = (FunctionLogs(clients_of(run.emulator.url)), EmulatorLog(run.workspace.emulator_log))
    while True:
        if run.redis is not None:
            run.redis.check()
        try:
            events = [event for feed in feeds for event in feed.poll()]
        except BotoCoreError as error:
            log = run.workspace.emulator_log
            raise EmulatorFailed(f"doesn't answer any more ({error})", log, tail(log)) from error
        for line in timeline.tell(events):
            screen.line(line)
        time.sleep(POLL_SECONDS)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _send_samples(outputs: Outputs, screen: Screen) -> None:
    """Send every sample once; the timeline shows what becomes of them."""
    try:
        for sample in own_samples():
            answer = send(sample.renewed(), outputs)
            if not answer.is_success:
                screen.trouble(
                    f"a sample of {sample.source.name} was answered {answer.status}: {answer.answer}"
                )
    except LocalRunError as error:
        screen.trouble(str(error))


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """The first signal that asks for an end unwinds the block; the clean-up isn't interrupted by another."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
