"""The anchor: a file outside the database with the head of the journal, before and after each decision is committed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from settle.audit.chain import ANCHORED_NOWHERE, NOT_ANCHORED, Anchor, BrokenLink, JournalRow
from settle.errors import InputError, TryAgainError
from settle.settings import Settings

PLANNED, WRITTEN = STAGES = ("planned", "written")
HEADER = "anchored_at,stage,seq,row_hash"


def anchor_file(settings: Settings) -> Path:
    """Beside the archive, named after the database, so that warehouses of one folder have one each."""
    output = settings.connection()
    path = str(output.get("path") or settings.warehouse_path)
    name = Path(path).stem if output["type"] == "duckdb" else str(output.get("dbname") or output.get("database") or "")
    return settings.archive_dir.parent / f"audit-anchor-{settings.schema_prefix}{name}.csv"


def read_anchors(settings: Settings, rows: Iterable[JournalRow] = ()) -> list[Anchor]:
    """What was anchored, in the order of the file; empty without one. Raises InputError for a broken line.

    A plan counts once its row is among `rows`: the command that wrote it was broken off before it could say so.
    """
    lines = _lines(settings)
    held = {Anchor(row.seq, row.row_hash) for row in rows}
    return [anchor for stage, anchor in lines if stage == WRITTEN or anchor in held]


def plan_anchor(settings: Settings, head: Anchor) -> None:
    """Write down what the head is about to be, before it is committed. Raises TryAgainError when that cannot be."""
    _append(settings, PLANNED, head)


def append_anchor(settings: Settings, head: Anchor) -> None:
    """Write the head down once it is committed; a head that no decision planned is left for `verify` to tell.

    Raises TryAgainError when the file cannot be written.
    """
    lines = _lines(settings)
    if (PLANNED, head) in lines and (WRITTEN, head) not in lines:
        _append(settings, WRITTEN, head)


def head_not_anchored(head: JournalRow | None, settings: Settings) -> BrokenLink | None:
    """What is wrong with the end of the journal, before something is written after it; the whole is for `verify`."""
    anchors = read_anchors(settings, [head] if head else [])
    last = max(anchors, key=lambda anchor: anchor.seq, default=None)
    if head is None:
        return BrokenLink(1, f"is missing; row {last.seq} was anchored") if last else None
    if last is None:
        return BrokenLink(1, ANCHORED_NOWHERE)
    if head.seq > last.seq:
        return BrokenLink(last.seq + 1, NOT_ANCHORED)
    if head.seq < last.seq:
        return BrokenLink(head.seq + 1, f"is missing; row {last.seq} was anchored")
    is_other = any(anchor.seq == head.seq and anchor.row_hash != head.row_hash for anchor in anchors)
    return BrokenLink(head.seq, "is another than the one that was anchored") if is_other else None


def _lines(settings: Settings) -> list[tuple[str, Anchor]]:
    path = anchor_file(settings)
    if not path.is_file():
        return []
    lines = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line == HEADER or not line.strip():
            continue
        parts = line.split(",")
        if len(parts) != 4 or parts[1] not in STAGES or not parts[2].isdigit() or len(parts[3]) != 64:
            raise InputError(f"{path}:{number}: {line!r} is no anchor ({HEADER}). Put the file back from a backup.")
        lines.append((parts[1], Anchor(int(parts[2]), parts[3])))
    return lines


def _append(settings: Settings, stage: str, head: Anchor) -> None:
    path = anchor_file(settings)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as out:
            if path.stat().st_size == 0:
                out.write(HEADER + "\n")
            out.write(f"{now},{stage},{head.seq},{head.row_hash}\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        became = (
            "Nothing was written. Make the file writable, then try again."
            if stage == PLANNED
            else "The decision is in the journal. Make the file writable; the next settle run anchors it."
        )
        raise TryAgainError(f"{path}: the anchor cannot be written ({error.strerror}). {became}") from error
