"""What the stacks are called: whoever looks for a deployment asks CloudFormation by these."""

from __future__ import annotations

STORAGE = "HeadworksStorage"
LOW_LATENCY = "HeadworksLowLatency"
SERVICE = "HeadworksService"
MONITORING = "HeadworksMonitoring"
