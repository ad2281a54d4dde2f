"""The functions of this pipeline that answer HTTP requests."""

from __future__ import annotations

from headworks.edge import Edge
from pipeline.queues import ORDERS

RECEIVE_WEBHOOK = Edge(function="receive_webhook", routes=("POST /webhooks/{source}",))
ACCEPT_MESSAGE = Edge(
    function="accept_message",
    # Greedy, for keys with a slash: the API decodes a path before it takes it apart.
    routes=("POST /queues/{queue}/messages", "DELETE /queues/{queue}/messages/{key+}"),
)
ACCEPT_ORDER = Edge(function="accept_order", routes=("POST /orders",), sends_to=(ORDERS.name,))

EDGES = (RECEIVE_WEBHOOK, ACCEPT_MESSAGE, ACCEPT_ORDER)
