"""Whom this pipeline delivers webhooks to.

A URL that differs from one deployment to the next is given there:
`npx cdk deploy --all -c endpoint.default=https://example.com/webhooks`.
"""

from __future__ import annotations

from headworks.outbound.endpoints import Endpoint

ENDPOINTS = (Endpoint(name="default"),)
