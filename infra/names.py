"""What the stacks are called: whoever looks for a deployment asks CloudFormation by these."""

from __future__ import annotations

STORAGE = "HeadworksStorage"
SERVICE = "HeadworksService"
MONITORING = "HeadworksMonitoring"
