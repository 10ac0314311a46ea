"""A file as found: its hash, what is packed in it, and its text in UTF-8. Nothing here knows what the columns mean."""

from __future__ import annotations

import codecs
import fnmatch
import gzip
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from settle.errors import InputError

CHUNK = 1 << 22
FORMAT_OF_SUFFIX = {
    ".csv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
# Below this size even an absurd ratio does no harm: a file of blank lines packs a thousandfold.
SMALL = 64 << 20


@dataclass(frozen=True)
class Source:
    """A file to load. `shown` is the path as the user wrote it; `packed` is "", "gz" or "zip".

    `format` is "text" where the name does not tell it: a template must know the layout.
    """

    path: Path
    shown: str
    format: str
    packed: str
    sha256: str
    byte_count: int


@dataclass(frozen=True)
class Member:
    """One unpacked file: its name for messages and where its bytes are."""

    name: str
    path: Path


@dataclass(frozen=True)
class Scan:
    """What one pass over a text found. `line_count` counts a last line without a line end too."""

    line_count: int
    has_blank_line: bool
    has_quote: bool
    has_bom: bool


def open_source(path: Path) -> Source:
    """Look at a file and hash it. Raises InputError when there is none or it is empty."""
    shown = str(path)
    if path.is_dir():
        raise InputError(f"{shown}: is a folder. Name a file, or load the folder: settle load inbox {shown}")
    if not path.exists():
        raise InputError(f"{shown}: there is no such file. Check the path.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = {".gz": "gz", ".zip": "zip"}.get(suffixes[-1] if suffixes else "", "")
    kind = "csv" if packed == "zip" else _format_of(suffixes[:-1] if packed else suffixes)
    if packed and kind in ("xlsx", "parquet"):
        raise InputError(f"{shown}: a packed {kind} file is not read. Unpack it and load it again.")
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except PermissionError as error:
        raise InputError(f"{shown}: may not be read ({error.strerror}). Change its permissions.") from error
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{shown}: is empty, it has not even a header. Nothing was loaded. Fetch the file again.")
    return Source(path.absolute(), shown, kind, packed, digest, size)


def _format_of(suffixes: list[str]) -> str:
    return FORMAT_OF_SUFFIX.get(suffixes[-1], "text") if suffixes else "text"


def unknown_kind(source: Source) -> InputError:
    """The refusal of a file whose name does not tell what it is and whose text does not either."""
    known = ", ".join(sorted(FORMAT_OF_SUFFIX))
    return InputError(
        f"{source.shown}: what kind of file is it? Name it with {known}, and .gz or .zip if it is packed."
    )


def max_unpacked_bytes() -> int:
    """The most bytes a packed file may unpack to (SETTLE_MAX_UNPACKED_BYTES, default 20 GiB)."""
    return _limit("SETTLE_MAX_UNPACKED_BYTES", 20 << 30)


def max_ratio() -> int:
    """The most a packed file may grow (SETTLE_MAX_UNPACKED_RATIO, default 200 times)."""
    return _limit("SETTLE_MAX_UNPACKED_RATIO", 200)


def _limit(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if text and not text.isdigit():
        raise InputError(f"{name}: {text!r} is no whole number.")
    return int(text) if text else default


def check_size(shown: str, packed: int, unpacked: int) -> None:
    """Raise InputError when a packed file is, or claims to be, a bomb."""
    if unpacked > max_unpacked_bytes():
        raise InputError(
            f"{shown}: unpacks to more than {max_unpacked_bytes():,} bytes. Nothing was loaded. "
            "If the file is meant to be so large, raise SETTLE_MAX_UNPACKED_BYTES."
        )
    if unpacked > SMALL and unpacked > packed * max_ratio():
        raise InputError(
            f"{shown}: unpacks to {unpacked // max(packed, 1):,} times its size, more than {max_ratio()}: it looks "
            "like a zip bomb. Nothing was loaded. If the file is good, raise SETTLE_MAX_UNPACKED_RATIO."
        )


def unpack(
    source: Source,
    folder: Path,
    load: tuple[str, ...],
    ignore: tuple[str, ...],
    any_name: bool = False,
    may_be_none: bool = False,
) -> list[Member]:
    """The files in a source, unpacked into `folder`; a plain file is used where it is.

    `load`, `ignore`: name patterns for files in a zip; `any_name`: they need not end in .csv or .txt. Raises InputError
    on damage, bombs, unknown members, and unless `may_be_none` when there is nothing to load.
    """
    if source.packed == "zip":
        return _unpack_zip(source, folder, load, ignore, any_name, may_be_none)
    if source.packed == "gz":
        return [_unpack_gzip(source, folder)]
    if source.format == "xlsx":
        _check_xlsx(source)
    return [Member(source.path.name, source.path)]


def _copy_limited(source: Source, stream: IO[bytes] | gzip.GzipFile, target: Path, packed: int) -> None:
    done = 0
    with target.open("wb") as out:
        while chunk := stream.read(CHUNK):
            done += len(chunk)
            # The size that an archive declares may be a lie, so what really comes out counts too.
            check_size(source.shown, packed, done)
            out.write(chunk)


def _unpack_gzip(source: Source, folder: Path) -> Member:
    target = folder / "unpacked"
    try:
        with gzip.open(source.path, "rb") as stream:
            _copy_limited(source, stream, target, source.byte_count)
    except EOFError as error:
        raise InputError(f"{source.shown}: the gzip file is cut short. Nothing was loaded. Fetch it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{source.shown}: is damaged or no gzip file ({error}). Nothing was loaded. Fetch it again."
        ) from error
    if target.stat().st_size == 0:
        raise InputError(f"{source.shown}: is empty, it has not even a header. Nothing was loaded.")
    return Member(source.path.stem, target)


def _unpack_zip(
    source: Source, folder: Path, load: tuple[str, ...], ignore: tuple[str, ...], any_name: bool, may_be_none: bool
) -> list[Member]:
    try:
        with zipfile.ZipFile(source.path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            check_size(source.shown, source.byte_count, sum(info.file_size for info in infos))
            chosen = _choose_members(source, infos, load, ignore, any_name)
            if not chosen and not may_be_none:
                raise InputError(f"{source.shown}: holds no {'file' if any_name else 'csv file'}. Nothing was loaded.")
            members = []
            for number, (name, info) in enumerate(chosen):
                target = folder / f"member{number}"
                with archive.open(info) as stream:
                    _copy_limited(source, stream, target, max(info.compress_size, 1))
                members.append(Member(name, target))
            return members
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(
            f"{source.shown}: the zip file is damaged or cut short ({error}). Nothing was loaded. Fetch it again."
        ) from error
    except (RuntimeError, NotImplementedError) as error:
        raise InputError(f"{source.shown}: cannot be unpacked ({error}). Unpack it and load what is in it.") from error


def _choose_members(
    source: Source, infos: list[zipfile.ZipInfo], load: tuple[str, ...], ignore: tuple[str, ...], any_name: bool
) -> list[tuple[str, zipfile.ZipInfo]]:
    chosen = []
    for info in infos:
        name = member_name(info)
        base = name.rsplit("/", 1)[-1]
        if base.startswith(".") or name.startswith("__MACOSX/"):
            continue
        if any(fnmatch.fnmatchcase(base, pattern) for pattern in ignore):
            continue
        known = any_name or _format_of([Path(base).suffix.lower()]) == "csv"
        if not known or not any(fnmatch.fnmatchcase(base, p) for p in load):
            kind = "file" if any_name else "csv file"
            raise InputError(
                f"{source.shown}: holds {name!r}, which is no {kind} of this layout. Nothing was loaded. "
                "Take it out, or unpack the files and load each."
            )
        chosen.append((name, info))
    return sorted(chosen, key=lambda pair: pair[0])


def member_name(info: zipfile.ZipInfo) -> str:
    """The name of a file in a zip; old Chinese programs write it in GBK without saying so."""
    if info.flag_bits & 0x800:
        return info.filename
    raw = info.filename.encode("cp437", errors="replace")
    for encoding in ("utf-8", "gbk"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _check_xlsx(source: Source) -> None:
    try:
        with zipfile.ZipFile(source.path) as archive:
            check_size(source.shown, source.byte_count, sum(info.file_size for info in archive.infolist()))
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{source.shown}: is no xlsx file, or is cut short ({error}). Nothing was loaded. Save it again as xlsx."
        ) from error


@contextmanager
def telling_bad_bytes(shown: str, path: Path, encoding: str) -> Iterator[None]:
    """Turn a decoding error into the message that names line and byte."""
    try:
        yield
    except UnicodeDecodeError as error:
        line, column, byte = _bad_byte(path, encoding)
        hint = "Save it as UTF-8, or use a template that declares its encoding."
        if encoding == "utf-8" and _decodes(path, "gb18030"):
            hint = "It can be read as GB18030 (GBK): save it as UTF-8, or use a template that declares gb18030."
        raise InputError(
            f"{shown}:{line}: byte 0x{byte:02x} at position {column} is not {encoding.upper()}. "
            f"Nothing was loaded. {hint}"
        ) from error


def _bad_byte(path: Path, encoding: str) -> tuple[int, int, int]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return number, error.start + 1, line[error.start]
    return 1, 1, 0


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def to_utf8(shown: str, member: Member, encodings: tuple[str, ...], folder: Path) -> tuple[Member, Scan]:
    """The member's text in UTF-8: where it is if it is so already, else written anew into `folder`.

    The first encoding that takes every byte is the file's. Raises InputError naming line and byte if none does.
    """
    chosen = next((name for name in encodings if len(encodings) > 1 and _decodes(member.path, name)), encodings[0])
    if codecs.lookup(chosen).name != "utf-8":
        target = folder / f"{member.path.name}.utf8"
        decoder = codecs.getincrementaldecoder(chosen)()
        with telling_bad_bytes(shown, member.path, chosen), member.path.open("rb") as stream, target.open("wb") as out:
            while chunk := stream.read(CHUNK):
                out.write(decoder.decode(chunk).encode("utf-8"))
            out.write(decoder.decode(b"", final=True).encode("utf-8"))
        member = Member(member.name, target)
    with telling_bad_bytes(shown, member.path, "utf-8"):
        return member, _scan(shown, member.path)


def _scan(shown: str, path: Path) -> Scan:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, blank, quote, bom, tail, first = 0, False, False, False, b"", True
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if first:
                bom = chunk.startswith(codecs.BOM_UTF8)
                if chunk[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                    raise InputError(f"{shown}: is UTF-16. Nothing was loaded. Save it as UTF-8.")
                first = False
            decoder.decode(chunk)
            if b"\0" in chunk:
                line = lines + chunk[: chunk.index(b"\0")].count(b"\n") + 1
                raise InputError(f"{shown}:{line}: holds a NUL byte: it is damaged or no text. Nothing was loaded.")
            joined = tail + chunk
            blank = blank or b"\n\n" in joined or b"\n\r\n" in joined or joined.startswith((b"\n", b"\r\n"))
            quote = quote or b'"' in chunk
            lines += chunk.count(b"\n")
            tail = chunk[-2:]
        decoder.decode(b"", final=True)
    return Scan(lines + (not tail.endswith(b"\n") and bool(tail)), blank, quote, bom)
