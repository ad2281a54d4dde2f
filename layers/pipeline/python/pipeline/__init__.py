"""This pipeline, declared once: queues, payloads, sources, endpoints and edges."""

from __future__ import annotations

from headworks.topology import Topology
from pipeline.edges import EDGES
from pipeline.endpoints import ENDPOINTS
from pipeline.queues import QUEUES
from pipeline.sources import ROUTES, SOURCES

TOPOLOGY = Topology(queues=QUEUES, sources=SOURCES, routes=ROUTES, endpoints=ENDPOINTS, edges=EDGES)
