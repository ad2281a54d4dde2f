"""Whether an API keeps to its own description."""

from __future__ import annotations

from schemathesis import checks

# What a client may rely on.  That everything else is refused is said by tests of each operation.
KEPT = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
)
