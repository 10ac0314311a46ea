"""The file ledger: what was loaded before, and the rows that tell about a file: itself, its template, its rejects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from settle.load.source import Source
from settle.load.store import Store
from settle.load.templates import Template
from settle.load.totals import Totals
from settle.warehouse import Warehouse


@dataclass(frozen=True)
class Reject:
    """A row set aside: where, which column and value, and why."""

    line: int
    column: str | None
    value: str | None
    code: str
    reason: str
    raw_text: str | None


@dataclass(frozen=True)
class Counts:
    """rows_read = loaded + rejected + repeated; blank lines are counted apart."""

    loaded: int
    rejected: int
    repeated: int
    blank: int

    @property
    def read(self) -> int:
        return self.loaded + self.rejected + self.repeated


@dataclass(frozen=True)
class Loaded:
    """A file that the ledger has."""

    file_id: int
    file_name: str
    dataset: str
    batch_id: int


def now() -> datetime:
    """The load's timestamp, UTC without zone; no number depends on it."""
    return datetime.now(UTC).replace(tzinfo=None)


def find_loaded(warehouse: Warehouse, sha256: str, dataset: str) -> Loaded | None:
    """The file with these bytes, if it was loaded into this dataset before."""
    rows = warehouse.execute(
        f"select file_id, file_name, dataset, batch_id from {warehouse.schema('raw')}.load_files "
        "where sha256 = ? and dataset = ? order by file_id limit 1",
        (sha256, dataset),
    )
    return Loaded(int(rows[0][0]), rows[0][1], rows[0][2], int(rows[0][3])) if rows else None


def next_file_id(warehouse: Warehouse) -> int:
    """The id of the file being loaded; inside the caller's transaction."""
    sql = f"select coalesce(max(file_id), 0) + 1 from {warehouse.schema('raw')}.load_files"
    return int(warehouse.execute(sql)[0][0])


def keep_template(warehouse: Warehouse, template: Template) -> None:
    """Store the template's text on first use, so that any file can be read again as it was."""
    table = f"{warehouse.schema('raw')}.templates"
    known = f"select 1 from {table} where template = ? and template_hash = ?"
    if not warehouse.execute(known, (template.name, template.hash)):
        warehouse.execute(
            f"insert into {table} (template, template_hash, body, first_used_at) values (?, ?, ?, ?)",
            (template.name, template.hash, template.body, now()),
        )


def record_file(
    warehouse: Warehouse,
    source: Source,
    template: Template,
    file_id: int,
    batch_id: int,
    counts: Counts,
    totals: Totals,
    archive_path: Path,
) -> None:
    """Write the file's row."""
    values: dict[str, Any] = {
        "file_id": file_id,
        "batch_id": batch_id,
        "dataset": template.dataset,
        "template": template.name,
        "template_hash": template.hash,
        "file_name": source.path.name,
        "file_path": str(source.path),
        "sha256": source.sha256,
        "byte_count": source.byte_count,
        "rows_read": counts.read,
        "rows_loaded": counts.loaded,
        "rows_rejected": counts.rejected,
        "rows_repeated": counts.repeated,
        "rows_blank": counts.blank,
        "declared_totals": json.dumps(totals.declared, ensure_ascii=False) if totals.declared else None,
        "found_totals": json.dumps(totals.found, ensure_ascii=False) if totals.found else None,
        "archive_path": str(archive_path),
        "loaded_at": now(),
    }
    marks = ", ".join("?" for _ in values)
    sql = f"insert into {warehouse.schema('raw')}.load_files ({', '.join(values)}) values ({marks})"
    warehouse.execute(sql, tuple(values.values()))


def record_rejects(store: Store, dataset: str, file_id: int, batch_id: int, rejects: Sequence[Reject]) -> None:
    """Write the rejected rows, in bulk."""
    columns = ("file_id", "batch_id", "dataset", "line_no", "column_name", "column_value", "reason_code", "reason",
               "raw_text")  # fmt: skip
    rows = [
        (file_id, batch_id, dataset, each.line, each.column, each.value, each.code, each.reason, each.raw_text)
        for each in rejects
    ]
    store.insert_rows("rejected_rows", columns, rows)
