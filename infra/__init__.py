"""Infrastructure: the only place that knows the CDK."""

from __future__ import annotations

import os

# Node's jsii kernel prints a banner about Node 20 unless it finds this when it starts, so
# it is set before any module of this package imports `aws_cdk`.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
