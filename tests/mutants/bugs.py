"""The bugs that are planted: each would break a promise, and each must make a test fail."""

from __future__ import annotations

from tests.mutants.bugs_of_consumers import A_BATCH, FIFO, VERDICTS
from tests.mutants.bugs_of_control import CONTROL
from tests.mutants.bugs_of_finding import FINDING, THE_DEAD
from tests.mutants.bugs_of_redis import REDIS
from tests.mutants.bugs_of_replays import CLAIMS, REPLAYS, SERIES
from tests.mutants.bugs_of_sending import SENDING, THE_EDGE, WAITS
from tests.mutants.bugs_of_the_ledger import THE_LEDGER

BUGS = (
    *THE_EDGE,
    *SENDING,
    *WAITS,
    *THE_LEDGER,
    *A_BATCH,
    *FIFO,
    *VERDICTS,
    *CLAIMS,
    *SERIES,
    *REPLAYS,
    *CONTROL,
    *FINDING,
    *THE_DEAD,
    *REDIS,
)
