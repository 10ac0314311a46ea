"""What checkpoints found: kept in raw.quality_results, read back, and what of it stops publication."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

from settle.errors import InputError
from settle.explain.rows import Reader
from settle.warehouse import Warehouse

QUALITY_COLUMNS = (
    "batch_id", "batch_date", "expectation_id", "table_name", "held", "failing_rows", "checked_rows", "sample_keys",
    "owner", "meaning", "what_to_do", "severity", "warn_until", "stops", "accepted_by", "accepted_reason",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What one expectation found in the rows of one batch. `stops`: nothing may be published before it is settled."""

    batch_id: int
    batch_date: date
    expectation_id: str
    table_name: str
    held: bool
    failing_rows: int
    checked_rows: int
    sample_keys: str
    owner: str
    meaning: str
    what_to_do: str
    severity: str
    warn_until: date | None
    stops: bool

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Finding:
        """As `json.dumps(asdict(finding), default=str)` wrote it."""
        until = row["warn_until"]
        dates = {
            "batch_date": date.fromisoformat(row["batch_date"]),
            "warn_until": date.fromisoformat(until) if until else None,
        }
        return cls(**{**row, **dates})


def store(warehouse: Warehouse, findings: Sequence[Finding]) -> int:
    """Append what a checkpoint found, in one transaction; the checkpoint's number. Nothing stored before is changed."""
    table = f"{warehouse.schema('raw')}.quality_results"
    columns = [column.name for column in fields(Finding)]
    marks = ", ".join("?" * (len(columns) + 2))
    now = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.exclusive(), warehouse.transaction():
        number = int(warehouse.execute(f"select coalesce(max(checkpoint_no), 0) + 1 from {table}")[0][0])
        for finding in findings:
            warehouse.execute(
                f"insert into {table} (checkpoint_no, {', '.join(columns)}, checked_at) values ({marks})",
                (number, *asdict(finding).values(), now),
            )
    return number


def accept(warehouse: Warehouse, batch_id: int, expectation_id: str, reason: str, by: str) -> dict[str, Any]:
    """Record that somebody answers for what an expectation found; the finding as it then stands.

    It covers as many failing rows as there are now. Raises InputError when there is nothing to accept, or where reason
    or name is missing.
    """
    if not reason.strip():
        raise InputError("--reason: is missing. Say why it may be published all the same.")
    if not by.strip():
        raise InputError("--by: is missing. Say who answers for it: --by NAME, or SETTLE_ACTOR.")
    where = "batch_id = ? and expectation_id = ?"
    rows = findings_of(Reader(warehouse), where, (batch_id, expectation_id))
    if not rows:
        raise InputError(
            f"{expectation_id}: no checkpoint of batch {batch_id} knows it. settle quality --json names all."
        )
    if not rows[0]["stops"]:
        raise InputError(f"{expectation_id}: does not stop batch {batch_id}. There is nothing to accept.")
    with warehouse.exclusive(), warehouse.transaction():
        warehouse.execute(
            f"insert into {warehouse.schema('raw')}.quality_acceptances "
            "(batch_id, expectation_id, failing_rows, reason, accepted_by, accepted_at) values (?, ?, ?, ?, ?, ?)",
            (batch_id, expectation_id, rows[0]["failing_rows"], reason, by, datetime.now(UTC).replace(tzinfo=None)),
        )
    return findings_of(Reader(warehouse), where, (batch_id, expectation_id))[0]


def findings_of(reader: Reader, where: str = "true", params: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows of quality.rpt_data_quality: failing ones first, what stops before all."""
    order = "batch_id, case when stops then 0 when not held then 1 else 2 end, expectation_id"
    return reader.rows("quality.rpt_data_quality", QUALITY_COLUMNS, where, params, order)


def publication_stops(reader: Reader) -> list[dict[str, Any]]:
    """What forbids publishing the warehouse as it is: expectations that failed, may not, and nobody has accepted."""
    return findings_of(reader, "stops")


def batches_to_check(built: Collection[int], checked: Collection[int], new: Collection[int]) -> list[int]:
    """What is new, and every later batch that no checkpoint has seen; the last one where there was none at all."""
    if not checked:
        return sorted(new) or sorted(built)[-1:]
    return sorted({*new, *(batch for batch in built if batch > max(checked))})
