"""The functions of this pipeline that answer HTTP requests."""

from __future__ import annotations

from headworks.edge import Edge
from pipeline.queues import ORDERS

RECEIVE_WEBHOOK = Edge(function="receive_webhook", route="POST /webhooks/{source}")
ACCEPT_MESSAGE = Edge(function="accept_message", route="POST /queues/{queue}/messages")
ACCEPT_ORDER = Edge(function="accept_order", route="POST /orders", sends_to=(ORDERS.name,))

EDGES = (RECEIVE_WEBHOOK, ACCEPT_MESSAGE, ACCEPT_ORDER)
