"""The import rules, for every function there is: writes import-linter's configuration and runs it.

A new function is under the rules because its folder is there, not because somebody listed it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONFIGURATION = ROOT / "build" / "importlinter.toml"
CDK = ("aws_cdk", "constructs", "cdk_nag")
CLIENTS = ("boto3", "botocore", "redis", "urllib3", "aws_lambda_powertools")
PURE = (
    "pipeline",
    "headworks.bucket",
    "headworks.message",
    "headworks.naming",
    "headworks.payload",
    "headworks.queue",
    "headworks.retry",
    "headworks.table",
    "headworks.outcome",
    "headworks.ledger.catalogue",
    "headworks.ledger.item",
    "headworks.ledger.ledger",
    "headworks.ledger.paging",
    "headworks.errors",
    "headworks.clock",
    "headworks.context",
    "headworks.edge",
    "headworks.topology",
    "headworks.outbound.endpoints",
    "headworks.webhooks.routes",
    "headworks.webhooks.schemes",
    "headworks.webhooks.sources",
)


def configuration(functions: list[str]) -> str:
    """Import-linter's TOML for these function packages."""
    roots = ["headworks", "pipeline", "infra", *functions]
    return f"""\
[tool.importlinter]
root_packages = {roots!r}
include_external_packages = true

[[tool.importlinter.contracts]]
name = "functions and infra stand on the pipeline, the pipeline on the library; functions don't know each other"
type = "layers"
layers = [{" | ".join(["infra", *functions])!r}, "pipeline", "headworks"]

[[tool.importlinter.contracts]]
name = "only infra knows the CDK"
type = "forbidden"
source_modules = {["headworks", "pipeline", *functions]!r}
forbidden_modules = {list(CDK)!r}

[[tool.importlinter.contracts]]
name = "declarations and pure decisions do no I/O"
type = "forbidden"
source_modules = {list(PURE)!r}
forbidden_modules = {list(CLIENTS)!r}
allow_indirect_imports = false
"""


def main() -> int:
    """Run the linter over this tree; its exit code."""
    functions = sorted(path.name for path in (ROOT / "functions").iterdir() if any(path.glob("*.py")))
    CONFIGURATION.parent.mkdir(exist_ok=True)
    CONFIGURATION.write_text(configuration(functions))
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([linter, "--config", CONFIGURATION, "--no-cache"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
