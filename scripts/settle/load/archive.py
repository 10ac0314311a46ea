"""The archive: every loaded file as it was found, under the hash of its bytes, so that its lines can be shown."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from settle.errors import InputError
from settle.load.records import Table, raw_lines
from settle.load.source import Member, Source, to_utf8, unpack
from settle.load.templates import Template, ignored_members

PACKED_SUFFIXES = (".gz", ".zip", ".xlsx")


def archive_source(source: Source, archive_dir: Path) -> Path:
    """Keep the file's bytes; the path where they are. Parquet stays where it is and is only referenced."""
    if source.format == "parquet":
        return source.path
    suffix = "".join(source.path.suffixes[-2:] if source.packed == "gz" else source.path.suffixes[-1:]).lower()
    packed = suffix.endswith(PACKED_SUFFIXES)
    folder = archive_dir / source.sha256[:2]
    target = folder / f"{source.sha256}{suffix}{'' if packed else '.zst'}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    # A name of its own until it is whole: a file under its hash is always complete.
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        if packed:
            shutil.copyfile(source.path, partial)
        else:
            _compress(source.path, partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _compress(source: Path, target: Path) -> None:
    import pyarrow as pa

    with source.open("rb") as stream, pa.output_stream(str(target), compression="zstd") as out:
        shutil.copyfileobj(stream, out, 1 << 22)


def archived_lines(archive_path: Path, template: Template, wanted: set[int]) -> dict[int, str]:
    """The text of these lines of an archived file, by the line numbers of the raw tables.

    For Parquet and XLSX a line is a row, shown as JSON or as its cells. Raises InputError when the file is gone.
    """
    if not archive_path.exists():
        raise InputError(f"{archive_path}: the archived file is gone. Put it back from a backup to see its lines.")
    name = archive_path.name
    with TemporaryDirectory(prefix="settle-") as folder_name:
        folder = Path(folder_name)
        if name.endswith(".parquet"):
            return _parquet_rows(archive_path, wanted)
        if name.endswith(".zst"):
            plain = folder / name.removesuffix(".zst")
            _decompress(archive_path, plain)
        else:
            plain = archive_path
        if plain.suffix == ".xlsx":
            return _sheet_rows(plain, template, folder, wanted)
        packed = {".gz": "gz", ".zip": "zip"}.get(plain.suffix, "")
        source = Source(plain, str(archive_path), "csv", packed, "", plain.stat().st_size)
        patterns = (template.member_patterns, ignored_members(template))
        members = unpack(source, folder, *patterns, any_name=bool(template.layout))
        if template.layout == "camt053":
            from settle.load.layouts import read_layout

            # The line of an element says nothing without what is in it.
            return _table_rows(read_layout(str(archive_path), members, template, folder)[0], wanted)
        decoded = [to_utf8(str(archive_path), member, template.encodings, folder)[0] for member in members]
        return raw_lines(decoded, wanted)


def _decompress(source: Path, target: Path) -> None:
    import pyarrow as pa

    with pa.input_stream(str(source), compression="zstd") as stream, target.open("wb") as out:
        shutil.copyfileobj(stream, out, 1 << 22)


def _parquet_rows(path: Path, wanted: set[int]) -> dict[int, str]:
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute(
            "select line, cast(to_json(row_of) as varchar) from (select file_row_number + 1 as line, row_of from "
            "(select file_row_number, struct_pack(*columns(* exclude (file_row_number))) as row_of "
            "from read_parquet(?, file_row_number=true))) where line in (select unnest(?::bigint[]))",
            [str(path), sorted(wanted)],
        ).fetchall()
    return {int(line): str(text) for line, text in rows}


def _sheet_rows(path: Path, template: Template, folder: Path, wanted: set[int]) -> dict[int, str]:
    from settle.load.sheets import read_sheet

    return _table_rows(read_sheet(str(path), Member(path.name, path), template, folder), wanted)


def _table_rows(table: Table, wanted: set[int]) -> dict[int, str]:
    found = {}
    with table.path.open(encoding="utf-8") as stream:
        for line in stream:
            number, _, text = line.partition(",")
            if number.isdigit() and int(number) in wanted:
                found[int(number)] = text.rstrip("\n")
    return found
