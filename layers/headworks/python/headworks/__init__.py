"""Headworks: every event verified, made durable, processed once, retried and kept.

Importing this package loads values and pure decisions only: no boto3, no Powertools.
"""

from __future__ import annotations

from headworks.context import BatchContext, Context
from headworks.errors import Failed, HeadworksError, Reject, Retry
from headworks.fault import Fault
from headworks.message import Message
from headworks.queue import Queue
from headworks.retry import RetryPolicy

__all__ = [
    "BatchContext",
    "Context",
    "Failed",
    "Fault",
    "HeadworksError",
    "Message",
    "Queue",
    "Reject",
    "Retry",
    "RetryPolicy",
]
