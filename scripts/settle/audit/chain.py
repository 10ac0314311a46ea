"""The journal as a chain of hashes: pure functions over its rows, shared by whoever writes, checks or imports it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

ALGORITHM = "settle-audit-1"
BEGINNING = "0" * 64
ANCHORED_NOWHERE = "is anchored nowhere: the anchor file is missing or empty"
NOT_ANCHORED = "is not anchored: it was not written by a decision, or its anchor was lost"
# What the hash of a row is over, in this order. Another order or another form needs another ALGORITHM.
HASHED = (
    "algorithm", "prev_hash", "seq", "object_kind", "object_id", "from_state", "from_name", "action", "to_state",
    "to_name", "actor", "role", "comment", "decided_at", "after_batch_id", "content_hash",
)  # fmt: skip
COLUMNS = (
    "seq", "object_kind", "object_id", "from_state", "from_name", "action", "to_state", "to_name", "actor", "role",
    "comment", "decided_at", "after_batch_id", "content_hash", "algorithm", "prev_hash", "row_hash",
)  # fmt: skip


@dataclass(frozen=True)
class JournalRow:
    """One decision. A CREATE comes from no state; `content_hash` is that of the object's rows at the decision.

    `after_batch_id` is the last batch that was built, or begun, by then: what follows from it follows in the next one.
    """

    seq: int
    object_kind: str
    object_id: str
    from_state: int | None
    from_name: str | None
    action: str
    to_state: int
    to_name: str
    actor: str
    role: str
    comment: str
    decided_at: datetime
    content_hash: str
    after_batch_id: int = 0
    algorithm: str = ALGORITHM
    prev_hash: str = BEGINNING
    row_hash: str = ""

    def values(self) -> tuple[Any, ...]:
        """The values in the order of COLUMNS."""
        return tuple(asdict(self)[name] for name in COLUMNS)


@dataclass(frozen=True)
class Anchor:
    """The head of the journal as it was once, kept outside the database."""

    seq: int
    row_hash: str


@dataclass(frozen=True)
class BrokenLink:
    """The first row of the journal that is not what was written, and why."""

    seq: int
    text: str


def value_text(value: Any) -> str | None:
    """The one text of a value that both engines and every later version give. Raises TypeError for binary fractions."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, int | str):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical text")


def canonical(values: Iterable[Any]) -> bytes:
    """AUDIT-CHAIN: the length stands before each text, so that ('ab', 'c') and ('a', 'bc') differ; nothing is `-`."""
    parts = []
    for value in values:
        text = value_text(value)
        encoded = b"" if text is None else text.encode()
        parts.append(b"-" if text is None else str(len(encoded)).encode() + b":" + encoded)
    return b"".join(parts)


def sha256(*parts: bytes) -> str:
    """SHA-256 of the parts one after the other, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def row_hash(row: JournalRow) -> str:
    """The hash of a row over all else that it says, the hash of the row before among it."""
    values = asdict(row)
    return sha256(canonical(values[name] for name in HASHED))


def content_hash(rows: Iterable[Mapping[str, Any]]) -> str:
    """AUDIT-FREEZE: the hash of an object's rows, whatever order they come in."""
    digests = sorted(
        sha256(canonical(part for name in sorted(row) for part in (name, row[name]))).encode() for row in rows
    )
    return sha256(canonical((ALGORITHM, len(digests))), *digests)


def linked(row: JournalRow, before: JournalRow | None) -> JournalRow:
    """The row as it follows the one before, with its number and both hashes."""
    seq, prev_hash = (before.seq + 1, before.row_hash) if before else (1, BEGINNING)
    placed = replace(row, seq=seq, prev_hash=prev_hash)
    return replace(placed, row_hash=row_hash(placed))


def first_broken(rows: Sequence[JournalRow], anchors: Sequence[Anchor]) -> BrokenLink | None:
    """AUDIT-CHAIN: the first row that is not what was written, by the chain itself and by what is anchored outside."""
    found = [link for link in (_by_chain(rows), _by_anchors(rows, anchors)) if link is not None]
    return min(found, key=lambda link: link.seq, default=None)


def _by_chain(rows: Sequence[JournalRow]) -> BrokenLink | None:
    before = BEGINNING
    for expected, row in enumerate(sorted(rows, key=lambda each: each.seq), 1):
        if row.seq > expected:
            return BrokenLink(expected, f"is missing; after it comes {row.seq}")
        if row.seq < expected:
            return BrokenLink(row.seq, "is there more than once")
        if row.algorithm != ALGORITHM:
            return BrokenLink(row.seq, f"says algorithm {row.algorithm!r}, which nobody knows")
        if row.prev_hash != before:
            return BrokenLink(row.seq, "does not follow the row before it (prev_hash)")
        if row.row_hash != row_hash(row):
            return BrokenLink(row.seq, "says something else than when it was written (row_hash)")
        before = row.row_hash
    return None


def _by_anchors(rows: Sequence[JournalRow], anchors: Sequence[Anchor]) -> BrokenLink | None:
    hashes = {row.seq: row.row_hash for row in rows}
    last = max(hashes, default=0)
    if rows and not anchors:
        return BrokenLink(1, ANCHORED_NOWHERE)
    for anchor in sorted(anchors, key=lambda each: each.seq):
        if anchor.seq not in hashes:
            # What was cut off begins after the last row that is there.
            return BrokenLink(min(anchor.seq, last + 1), f"is missing; row {anchor.seq} was anchored")
        if hashes[anchor.seq] != anchor.row_hash:
            return BrokenLink(anchor.seq, "is another than the one that was anchored")
    anchored = max((anchor.seq for anchor in anchors), default=0)
    if last > anchored:
        # Every decision is anchored as it is written: what comes after the last anchor came by another way.
        return BrokenLink(anchored + 1, NOT_ANCHORED)
    return None
