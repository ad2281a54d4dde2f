"""Which Headworks this is: on Lambda there is no package metadata to ask."""

from __future__ import annotations

__version__ = "0.1.0"
