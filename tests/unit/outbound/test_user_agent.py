"""Deliveries say which Headworks they come from."""

from __future__ import annotations

from importlib.metadata import version

from headworks.outbound.user_agent import USER_AGENT


def test_the_version_is_the_projects() -> None:
    assert f"Headworks/{version('headworks')}" == USER_AGENT
