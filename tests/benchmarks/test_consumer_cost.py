"""The benchmark runs and says what it is asked for.  How fast anything is, it says itself: no test depends on that."""

from __future__ import annotations

import json
import subprocess
import sys

from infra.local.workspace import PROJECT


def test_the_benchmark_reports_both_and_what_they_ask_of_dynamodb(tmp_path):
    # Its exit code says whether the goals were met, which one round can't tell.
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks.consumer_cost"),
            *("--records", "10", "--rounds", "1", "--build", tmp_path),
        ],
        cwd=PROJECT,
        check=False,
        capture_output=True,
    )

    [batch] = json.loads((tmp_path / "consumer_cost.json").read_text())["batches"]
    assert batch["records"] == 10
    assert batch["plain"]["calls"] == {"PutItem": 10, "UpdateItem": 10}
    assert batch["ours"]["calls"].keys() == {"BatchExecuteStatement"}
    assert batch["times_as_fast"] > 0
