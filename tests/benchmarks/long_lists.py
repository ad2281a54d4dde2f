"""What an operator waits for with ten thousand dead letters: `make bench`.

On the emulator's DynamoDB: one Python process that shares the machine with who asks it.  The same calls
on AWS are as many, and side by side.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from headworks.ledger.catalogue import Filter
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.ledger import State
from infra.local.aws import clients_of
from infra.local.emulator import running_emulator
from infra.local.workspace import Workspace
from tests.benchmarks.consumer_cost import BUILD
from tests.conftest import LEDGER_TABLE
from tests.support.long_list import FULFIL, MANY, put

ROUNDS = 5
TABLE = "ledger"
PAGE, RARE = "first page of 50", "10 of all by a filter"
# Seconds that whoever looks for one of them waits at most.
GOALS = {PAGE: 1.0, RARE: 1.0}


def main() -> None:
    """Measure, show a table, write the figures where a program can read them; fail if a goal is missed."""
    with filled() as catalogue:
        figures = {what: seconds(ask) for what, ask in questions(catalogue).items()}
    BUILD.mkdir(parents=True, exist_ok=True)
    report = BUILD / "long_lists.json"
    report.write_text(
        json.dumps({"dead_letters": MANY, "rounds": ROUNDS, "seconds": figures}, indent=2) + "\n"
    )
    show(figures, Console())
    print(f"Figures: {report}")
    sys.exit(any(figures[what] >= goal for what, goal in GOALS.items()))


@contextmanager
def filled() -> Iterator[DynamoDBCatalogue]:
    """The catalogue of a ledger with so many dead letters."""
    with TemporaryDirectory() as directory, running_emulator(Workspace(Path(directory))) as emulator:
        client = clients_of(emulator.url)("dynamodb")
        client.create_table(TableName=TABLE, **LEDGER_TABLE)
        put(client, TABLE)
        yield DynamoDBCatalogue(client, table=TABLE)


def questions(catalogue: DynamoDBCatalogue) -> dict[str, Callable[[], Any]]:
    """What is asked, by what it is."""
    rare = Filter(error_type="LookupError")
    return {
        PAGE: lambda: catalogue.page(State.DEAD, [FULFIL], limit=50),
        RARE: lambda: catalogue.page(State.DEAD, [FULFIL], only=rare, limit=50),
        "count": lambda: catalogue.count(State.DEAD, [FULFIL], most=10 * MANY),
        "groups": lambda: catalogue.groups(State.DEAD, [FULFIL], most=10 * MANY),
    }


def seconds(ask: Callable[[], Any]) -> float:
    """The median of some rounds, after one that opens the connections."""
    ask()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return round(median(taken), 3)


def show(figures: dict[str, float], console: Console) -> None:
    """The figures as a table."""
    table = Table(title=f"{MANY:,} dead letters, on the emulator")
    table.add_column("what is asked")
    table.add_column("seconds", justify="right")
    for what, took in figures.items():
        goal = GOALS.get(what)
        table.add_row(what, f"{took:.3f}", style="red" if goal is not None and took >= goal else None)
    console.print(table)


if __name__ == "__main__":
    main()
