"""From the declarations' durations to the CDK's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aws_cdk import Duration

if TYPE_CHECKING:
    from datetime import timedelta


def seconds(span: timedelta) -> Duration:
    """A duration in whole seconds, never shorter than declared."""
    return Duration.seconds(math.ceil(span.total_seconds()))
