"""Layouts that are no table of lines: which of them a text is, and the reader that makes a table of it."""

from __future__ import annotations

import re
from pathlib import Path

from settle.load.paypal import PAYPAL_COLUMNS
from settle.load.records import Table
from settle.load.sink import STATEMENT_COLUMNS, Sink
from settle.load.source import Member, to_utf8
from settle.load.templates import Template

# Layouts in which one line is one record, so that the line itself can be shown.
LINE_BY_LINE = ("fixed", "mt940", "bai2", "paypal")
MT940_START = re.compile(r"(\s*\{1:.*)?\s*:20:|\{[1-5]:", re.DOTALL)
PAYPAL_START = re.compile(r'("RH"|RH),')


def recognises(template: Template, head: bytes) -> bool:
    """Whether the beginning of a file looks like the template's layout."""
    if template.layout == "fixed":
        from settle.load.fixed import fits

        line = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].rstrip(b"\r")
        return not fits(template, line)
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff")
    if template.layout == "camt053":
        return "camt.053" in text[:4000] and text.lstrip().startswith("<")
    if template.layout == "mt940":
        return MT940_START.match(text) is not None
    if template.layout == "paypal":
        return PAYPAL_START.match(text) is not None
    return text.startswith("01,")


def read_layout(
    shown: str, members: list[Member], template: Template, folder: Path
) -> tuple[Table, tuple[tuple[int, str], ...], list[Member]]:
    """All members as one numbered table; where each begins (empty for a single one); the members as decoded text."""
    columns = tuple(column.name for column in template.columns) or STATEMENT_COLUMNS
    if template.layout == "paypal":
        columns = PAYPAL_COLUMNS
    table = Table(folder / "records.csv", columns, True, header_line=0, record_count=0)
    starts: list[tuple[int, str]] = []
    decoded: list[Member] = []
    with table.path.open("w", encoding="utf-8", newline="") as out:
        sink = Sink(shown, table, out)
        for member in members:
            starts.append((sink.before, member.name))
            if template.layout != "camt053":
                # XML says itself what its encoding is.
                member = to_utf8(shown, member, template.encodings, folder)[0]
            decoded.append(member)
            sink.before += _read(sink, member, template)
    table.record_count = sink.records
    table.line_count = sink.before
    return table, tuple(starts) if len(starts) > 1 else (), decoded


def _read(sink: Sink, member: Member, template: Template) -> int:
    """Read one member with the reader of its layout; the number of its lines."""
    if template.layout == "fixed":
        from settle.load.fixed import read_fixed

        return read_fixed(sink, member, template)
    if template.layout == "camt053":
        from settle.load.camt053 import read_camt053

        return read_camt053(sink, member)
    if template.layout == "mt940":
        from settle.load.mt940 import read_mt940

        return read_mt940(sink, member)
    if template.layout == "paypal":
        from settle.load.paypal import read_paypal

        return read_paypal(sink, member, template)
    from settle.load.bai2 import read_bai2

    return read_bai2(sink, member)
