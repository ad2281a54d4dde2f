"""For tests: fakes, and an SQS with Lambda's event source mapping on a clock that the test moves.

`SimulatedAws` is the way in; see docs/testing.md.
"""

from headworks.testing.clock import MovingClock
from headworks.testing.environment import Environment
from headworks.testing.execution import Killed
from headworks.testing.function import Ending, Invocation, SimulatedFunction
from headworks.testing.mapping import EventSourceMapping, RefusedMapping
from headworks.testing.simulated_aws import NotIdle, SimulatedAws
from headworks.testing.sqs.message import State, StoredMessage
from headworks.testing.sqs.queue import SimulatedQueue
from headworks.testing.sqs.quirks import Quirks

__all__ = [
    "Ending",
    "Environment",
    "EventSourceMapping",
    "Invocation",
    "Killed",
    "MovingClock",
    "NotIdle",
    "Quirks",
    "RefusedMapping",
    "SimulatedAws",
    "SimulatedFunction",
    "SimulatedQueue",
    "State",
    "StoredMessage",
]
