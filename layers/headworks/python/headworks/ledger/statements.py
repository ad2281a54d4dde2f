"""The statements that leases, their extensions and completions in bulk are made of.

What is no parameter needn't be serialised one by one: what leases have in common, and all of
an extension or a completion, is written into the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headworks.ledger import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from headworks.ledger.ledger import Lease

_COMPLETE = (
    'SET "state" = \'completed\' SET "status" = \'COMPLETED\' SET "data" = \'{{}}\' SET "expiration" = {} '
    'REMOVE "listed" REMOVE "listed_at" WHERE "id" = {} AND "owner" = {} AND "attempt" = {} '
    "AND \"state\" IN ['running', 'completed']"
)

_EXTEND = (
    'SET "in_progress_expiration" = {} WHERE "id" = {} AND "attempt" = {} AND "owner" = {} '
    "AND \"state\" = 'running'"
)


def insertions(
    table: str, owner_of_list: str, leases: Sequence[Lease], *, forgotten: datetime
) -> Iterator[dict[str, Any]]:
    """One for each of the first leases, which differ by their entries only; refused where the key is known."""
    shared = layout.started(leases[0], forgotten=forgotten) if leases else {}
    literals = ", ".join(f"'{name}': {_literal(value)}" for name, value in shared.items())
    for lease in leases:
        own = layout.of_its_own(layout.identity(owner_of_list, lease.entry.key), lease.entry)
        fields = ", ".join(f"'{name}': ?" for name in own)
        yield {
            "Statement": f'INSERT INTO "{table}" VALUE {{{literals}, {fields}}}',
            "Parameters": list(own.values()),
        }


def completion(table: str, owner_of_list: str, lease: Lease, *, forgotten: datetime) -> dict[str, Any]:
    """Refused where somebody else has taken over."""
    values = (
        layout.seconds(forgotten),
        layout.string(layout.identity(owner_of_list, lease.entry.key)),
        layout.string(lease.owner),
        layout.number(lease.attempt),
    )
    return {"Statement": f'UPDATE "{table}" {_COMPLETE.format(*map(_literal, values))}'}


def extension(table: str, owner_of_list: str, lease: Lease, *, ends: datetime) -> dict[str, Any]:
    """Refused where somebody else has taken over, or the run is over."""
    values = (
        layout.milliseconds(ends),
        layout.string(layout.identity(owner_of_list, lease.entry.key)),
        layout.number(lease.attempt),
        layout.string(lease.owner),
    )
    return {"Statement": f'UPDATE "{table}" {_EXTEND.format(*map(_literal, values))}'}


def _literal(value: layout.Attributes) -> str:
    """A string or a number as PartiQL spells it."""
    return str(value["N"]) if "N" in value else "'" + value["S"].replace("'", "''") + "'"
