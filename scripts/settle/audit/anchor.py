"""The anchor: a file outside the database with the head of the journal after each decision and each run."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from settle.audit.chain import Anchor, BrokenLink
from settle.errors import InputError, TryAgainError
from settle.settings import Settings

HEADER = "anchored_at,seq,row_hash"


def anchor_file(settings: Settings) -> Path:
    """Beside the archive, named after the database, so that warehouses of one folder have one each."""
    output = settings.connection()
    path = str(output.get("path") or settings.warehouse_path)
    name = Path(path).stem if output["type"] == "duckdb" else str(output.get("dbname") or output.get("database") or "")
    return settings.archive_dir.parent / f"audit-anchor-{settings.schema_prefix}{name}.csv"


def read_anchors(settings: Settings) -> list[Anchor]:
    """What was anchored, in the order of the file; empty without one. Raises InputError for a broken line."""
    path = anchor_file(settings)
    if not path.is_file():
        return []
    anchors = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line == HEADER or not line.strip():
            continue
        parts = line.split(",")
        if len(parts) != 3 or not parts[1].isdigit() or len(parts[2]) != 64:
            raise InputError(f"{path}:{number}: {line!r} is no anchor ({HEADER}). Put the file back from a backup.")
        anchors.append(Anchor(int(parts[1]), parts[2]))
    return anchors


def append_anchor(settings: Settings, head: Anchor) -> None:
    """Write the head down unless it stands there already. Raises TryAgainError when the file cannot be written."""
    if head in read_anchors(settings):
        return
    path = anchor_file(settings)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as out:
            if path.stat().st_size == 0:
                out.write(HEADER + "\n")
            out.write(f"{now},{head.seq},{head.row_hash}\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise TryAgainError(
            f"{path}: the anchor cannot be written ({error.strerror}). The decision is in the journal. Make the file "
            "writable; the next decision or settle run anchors it."
        ) from error


def head_not_anchored(head: Anchor | None, anchors: list[Anchor]) -> BrokenLink | None:
    """What is wrong with the end of the journal, before something is written after it; the whole is for `verify`."""
    last = max(anchors, key=lambda anchor: anchor.seq, default=None)
    if last is None or (head is not None and (head.seq > last.seq or head == last)):
        return None
    seq = head.seq if head is not None else 0
    if seq < last.seq:
        return BrokenLink(seq + 1, f"is missing; row {last.seq} was anchored")
    return BrokenLink(seq, "is another than the one that was anchored")
