"""Whose fault an error is."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Somebody's endpoint answered badly or not at all, or it is our own pipeline's."""

    ENDPOINT = "endpoint"
    PIPELINE = "pipeline"
