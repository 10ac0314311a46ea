"""The totals that the warehouse and the hand-written script must both reach."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb

Totals = dict[str, int]

SCRIPT_TOTALS = {
    "orders cleared": "select count(distinct order_no) from fees",
    "Σ fee": "select sum(fee_minor) from fees",
    # Weighed with the place in the clearing order: another order gives another sum.
    "Σ fee × clearing number": "select sum(cast(fee_minor as hugeint) * clearing_seq) from fees",
    "Σ granted {0}": """
        select bearer, sum(granted_minor) from (from grants union all from grants_below) group by bearer
    """,
    "Σ accumulated {0}": """
        select bearer, sum(accumulated_minor) from (from grants union all from grants_below)
        where granted_minor <> 0 and accumulated_minor is not null group by bearer
    """,
    "items {0}": "select result, count(*) from matches group by result",
    "Σ ours {0}": "select result, sum(coalesce(left_minor, 0)) from matches group by result",
    "Σ theirs {0}": "select result, sum(coalesce(right_minor, 0)) from matches group by result",
    "Σ difference {0}": "select result, sum(difference_minor) from matches group by result",
}
WAREHOUSE_TOTALS = {
    "orders cleared": "select count(distinct order_no) from clearing.fct_clearing_details",
    "Σ fee": "select sum(fee_minor) from clearing.fct_clearing_details",
    "Σ fee × clearing number": """
        select sum(cast(fee_minor as hugeint) * clearing_seq) from clearing.fct_clearing_details
    """,
    "Σ granted {0}": """
        select bearer, sum(granted_minor) from clearing.fct_fee_allocations where is_valid group by bearer
    """,
    "Σ accumulated {0}": """
        select bearer, sum(accumulated_minor) from clearing.fct_fee_allocations
        where is_valid and granted_minor <> 0 and accumulated_minor is not null group by bearer
    """,
    "items {0}": "select result, count(*) from reconciliation.fct_reconciliation_items group by result",
    "Σ ours {0}": """
        select result, sum(coalesce(left_minor, 0)) from reconciliation.fct_reconciliation_items group by result
    """,
    "Σ theirs {0}": """
        select result, sum(coalesce(right_minor, 0)) from reconciliation.fct_reconciliation_items group by result
    """,
    "Σ difference {0}": """
        select result, sum(coalesce(right_minor, 0) - coalesce(left_minor, 0))
        from reconciliation.fct_reconciliation_items group by result
    """,
}


def totals_of(database: Path, queries: dict[str, str]) -> Totals:
    """Run the queries on a DuckDB file: one total per name, or one per group for a name with a gap."""
    found: Totals = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        for name, sql in queries.items():
            for row in connection.execute(sql).fetchall():
                found[name.format(row[0])] = int(row[-1] or 0)
    return found


def known_totals(answers: Path, batch_date: date) -> Totals:
    """What the generator says of the day, by the same names."""
    entry = next(
        row for row in json.loads(answers.read_text(encoding="utf-8")) if row["batch_date"] == batch_date.isoformat()
    )
    results = ("matched", "amount_mismatch", "platform_only")
    items = {f"items {result}": int(entry[result]) for result in results if entry[result]}
    return {"orders cleared": int(entry["cleared"]), **items}


def differences(left: Totals, right: Totals) -> list[str]:
    """One line for every total in which `right` differs from `left` or that only one of them has."""
    names = [*left, *(name for name in right if name not in left)]
    return [
        f"{name}: {left.get(name, 'absent')} and {right.get(name, 'absent')}"
        for name in names
        if left.get(name) != right.get(name)
    ]
