"""From the declarations' names and durations to the CDK's."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from aws_cdk import Duration

if TYPE_CHECKING:
    from datetime import timedelta


def construct_id(name: str) -> str:
    """`receive_webhook` or `standard-webhooks`, as construct ids are written."""
    return "".join(part.capitalize() for part in re.split("[-_]", name))


def seconds(span: timedelta) -> Duration:
    """A duration in whole seconds, never shorter than declared."""
    return Duration.seconds(math.ceil(span.total_seconds()))
