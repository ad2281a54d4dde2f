"""The functions of this pipeline that answer HTTP requests."""

from __future__ import annotations

from headworks.edge import Edge

RECEIVE_WEBHOOK = Edge(function="receive_webhook", route="POST /webhooks/{source}")
ACCEPT_MESSAGE = Edge(function="accept_message", route="POST /queues/{queue}/messages")

EDGES = (RECEIVE_WEBHOOK, ACCEPT_MESSAGE)
