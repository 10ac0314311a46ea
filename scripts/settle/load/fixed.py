"""Files of fixed width: every value at its place, counted in bytes; what lies between the columns must be blank."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from settle.errors import InputError
from settle.load.records import Table
from settle.load.sink import Sink
from settle.load.source import Member, Source, to_utf8
from settle.load.templates import Template


def fits(template: Template, line: bytes) -> str:
    """What is wrong with a line of a file of fixed width; empty if nothing is."""
    end = max(column.end for column in template.columns)
    if len(line) < end:
        return f"has {len(line)} of at least {end} bytes: it is cut short. Fetch the file again."
    covered = {at for column in template.columns for at in range(column.start, column.end)}
    for at in range(end):
        if at not in covered and line[at : at + 1] != b" ":
            return f"has no blank at byte {at + 1}, between two columns: its values are shifted. Fetch the file again."
    return ""


def read_fixed(sink: Sink, member: Member, template: Template) -> int:
    """Cut each line into the template's columns; the number of lines. The member is UTF-8 by now."""
    encoding = template.encodings[0]
    number = 0
    with member.path.open("r", encoding="utf-8-sig", newline="\n") as stream:
        for number, text in enumerate(stream, 1):
            text = text.rstrip("\r\n")
            if not text.strip(" \t\x1a"):
                sink.table.blank += 1
                continue
            # Places are counted in the file's own bytes: a Chinese name takes two of them for each letter.
            line = text.encode(encoding)
            wrong = fits(template, line)
            if wrong:
                sink.fault(number, "wrong_width", f"the line {wrong}", raw=text)
                continue
            values = {}
            for column in template.columns:
                value = line[column.start : column.end].decode(encoding, errors="replace").strip()
                for letter, sign in column.signs:
                    if value.startswith(letter):
                        value = sign + value.removeprefix(letter)
                        break
                values[column.name] = value
            sink.row(number, values)
    return number


def read_summary(source: Source, template: Template, table: Table, folder: Path) -> None:
    """Find the summary that goes with the file, and take its lines as comments, where the trailer's patterns look.

    Raises InputError when two summaries fit, and when the template needs one and there is none.
    """
    if template.summary is None:
        return
    found = _in_zip(source, template, folder) if source.packed == "zip" else _beside(source, template)
    if len(found) > 1:
        names = ", ".join(member.name for member in found)
        raise InputError(
            f"{source.shown}: {names} could each be its summary. Nothing was loaded. Leave the right one there."
        )
    for member in found:
        text = to_utf8(member.name, member, template.encodings, folder)[0].path.read_text(encoding="utf-8-sig")
        table.summary = member.name
        table.comments = [(number, line) for number, line in enumerate(text.splitlines(), 1)]


def _in_zip(source: Source, template: Template, folder: Path) -> list[Member]:
    from settle.load.source import unpack

    assert template.summary is not None
    patterns = template.summary.members
    target = folder / "summary"
    target.mkdir(exist_ok=True)
    others = tuple(pattern for pattern in template.member_patterns if pattern != "*")
    return unpack(source, target, patterns, others, any_name=True, may_be_none=True)


def _beside(source: Source, template: Template) -> list[Member]:
    assert template.summary is not None
    match = re.match(template.summary.file_name, source.path.name) if template.summary.file_name else None
    if match is None:
        return []
    pattern = template.summary.beside.format(**match.groupdict())
    return [
        Member(str(path), path)
        for path in sorted(source.path.parent.iterdir())
        if path.is_file() and fnmatch.fnmatchcase(path.name, pattern)
    ]
