"""Tests of the stacks; `infra` first, since it quiets jsii before `aws_cdk` starts it."""

import infra  # noqa: F401 - imported for what it sets
