"""The local run's Redis is looked after."""

from __future__ import annotations

import os
import signal

import pytest

from headworks.brokers.redis.address import address_of
from infra.local.errors import RedisFailed
from infra.local.redis import running_redis
from infra.local.workspace import Workspace
from tests.support.valkey import ask


def test_its_end_is_noticed_and_told_with_its_log(tmp_path):
    with running_redis(Workspace(tmp_path)) as redis:
        redis.check()
        told = ask(address_of(redis.url), "INFO", "server").decode()

        os.kill(int(told.split("process_id:")[1].split()[0]), signal.SIGKILL)
        redis.process.wait(30)

        with pytest.raises(RedisFailed, match="Redis has ended, and what was in it is gone; its log is"):
            redis.check()
