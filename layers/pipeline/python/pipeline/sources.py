"""Who sends this pipeline webhooks, and which queue each event goes to."""

from __future__ import annotations

from headworks.webhooks import sources
from headworks.webhooks.routes import Route

SOURCES = (
    sources.stripe(),
    sources.github(),
    sources.standard_webhooks(),
)

# An event goes along every route that it matches; one that matches none is quarantined.
ROUTES = (Route(queue="webhooks", endpoint="default"),)
