"""Takes each file of a remote place once: a ledger of what came, partial files that go on where they broke."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from settle.load.inbox import NOT_FILES
from settle.output import Reporter
from settle.pull.remote import Remote, RemoteFile, telling_what_broke
from settle.warehouse import Warehouse

LEDGER = ("source", "file_name", "byte_count", "modified_at", "sha256", "inbox_name", "pulled_at")


@dataclass(frozen=True)
class Pulled:
    """What became of one file. `status` is pulled, known (taken before) or growing (it changed while it was read)."""

    name: str
    status: str
    inbox_name: str = ""
    byte_count: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The outcome for programs."""
        return {"file": self.name, "status": self.status, "inbox_file": self.inbox_name, "bytes": self.byte_count}


class Ledger:
    """What was taken from one place, in raw.pulled_files."""

    def __init__(self, warehouse: Warehouse, source: str) -> None:
        self.warehouse, self.source = warehouse, source
        self.table = f"{warehouse.schema('raw')}.pulled_files"
        rows = warehouse.execute(
            f"select file_name, byte_count, modified_at, sha256 from {self.table} where source = ?", (source,)
        )
        self.seen = {tuple(row[:3]) for row in rows}
        self.hashes = {(row[0], row[3]) for row in rows}

    def has(self, file: RemoteFile) -> bool:
        """Whether the file as it is listed was taken."""
        return (file.name, file.byte_count, file.modified_at) in self.seen

    def add(self, file: RemoteFile, sha256: str, inbox_name: str) -> None:
        """Write down that it came."""
        now = datetime.now(UTC).replace(tzinfo=None)
        values = (self.source, file.name, file.byte_count, file.modified_at, sha256, inbox_name, now)
        places = ", ".join("?" for _ in LEDGER)
        self.warehouse.execute(f"insert into {self.table} ({', '.join(LEDGER)}) values ({places})", values)
        self.seen.add((file.name, file.byte_count, file.modified_at))
        self.hashes.add((file.name, sha256))


def wanted_files(remote: Remote, patterns: Sequence[str]) -> list[RemoteFile]:
    """The files of such names (all, without patterns), but for what transfer programs leave half written."""
    with telling_what_broke(remote.shown):
        return [file for file in remote.files() if _is_wanted(file.name, patterns)]


def pull(
    remote: Remote, files: Sequence[RemoteFile], inbox: Path, ledger: Ledger, reporter: Reporter, pulled: list[Pulled]
) -> None:
    """Fetch what is new; `pulled` takes what became of each file, also when the connection breaks on the way.

    Raises TryAgainError when it breaks; what had come of the file stays and the next call goes on from there.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    for file in files:
        if ledger.has(file):
            pulled.append(Pulled(file.name, "known"))
            continue
        reporter.step(f"pulling {file.name}")
        with telling_what_broke(f"{remote.shown}: {file.name}"):
            pulled.append(_fetch(remote, file, inbox, ledger))


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    if any(fnmatchcase(name, pattern) for pattern in NOT_FILES) or "/" in name or "\\" in name:
        return False
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _fetch(remote: Remote, file: RemoteFile, inbox: Path, ledger: Ledger) -> Pulled:
    # The name carries what was listed: what came of another version of the file is never gone on with.
    partial = inbox / f".{file.name}.{file.byte_count}-{file.modified_at}.part"
    with partial.open("ab") as out:
        if out.tell() > file.byte_count:
            out.truncate(0)
        for piece in remote.chunks(file, out.tell()):
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
        size = out.tell()
    if remote.again(file) != file or size != file.byte_count:
        partial.unlink()
        return Pulled(file.name, "growing")
    with partial.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if (file.name, sha256) in ledger.hashes:
        partial.unlink()
        ledger.add(file, sha256, "")
        return Pulled(file.name, "known")
    target = _free_name(inbox / file.name, sha256)
    partial.replace(target)
    ledger.add(file, sha256, target.name)
    return Pulled(file.name, "pulled", target.name, size)


def _free_name(wanted: Path, sha256: str) -> Path:
    """The name in the inbox: as it is, with a number where other bytes have that name already."""
    target, number = wanted, 1
    while target.exists():
        with target.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == sha256:
                break
        number += 1
        target = wanted.with_name(f"{wanted.stem}~{number}{wanted.suffix}")
    return target
