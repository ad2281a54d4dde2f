"""This pipeline, declared once: queues, payloads, sources, endpoints, edges, tables and buckets."""

from __future__ import annotations

from headworks.topology import Topology
from pipeline.buckets import BUCKETS
from pipeline.edges import EDGES
from pipeline.endpoints import ENDPOINTS
from pipeline.queues import QUEUES
from pipeline.sources import ROUTES, SOURCES
from pipeline.tables import TABLES

TOPOLOGY = Topology(
    queues=QUEUES,
    sources=SOURCES,
    routes=ROUTES,
    endpoints=ENDPOINTS,
    edges=EDGES,
    tables=TABLES,
    buckets=BUCKETS,
)
