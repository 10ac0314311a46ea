"""Reads a file template from YAML, and says file and key of what is wrong with it."""

from __future__ import annotations

import codecs
import hashlib
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from settle.errors import InputError
from settle.load.datasets import DATASETS, Dataset
from settle.load.templates import (
    ANY_KIND,
    FORMATS,
    LAYOUTS,
    Balanced,
    FieldSource,
    FixedColumn,
    Panel,
    RowCheck,
    Summary,
    Template,
    Total,
    Trailer,
    TrailerLines,
)

TOP_KEYS = {
    "template", "dataset", "description", "formats", "file_names", "encodings", "delimiter", "quote", "skip_lines",
    "comment_prefix", "sheet", "members", "strip", "strip_prefix", "null_values", "time_zone", "kinds", "fields",
    "ignored_columns", "key", "trailer", "empty_bill", "columns", "summary", "row_checks", "balanced", "panel",
}  # fmt: skip
FIELD_KEYS = {
    "column", "columns", "object", "join", "skip_empty", "upper", "add", "subtract", "constant", "default", "values",
    "strip_prefix", "null_values", "thousands", "decimal", "time_formats", "time_zone", "unit", "sign", "optional",
}  # fmt: skip
TRAILER_KEYS = {"header", "end_mark", "required", "alternatives", "totals"}
TOTAL_KEYS = {"declared", "rows", "sum", "kind", "decimals", "sign"}
COLUMN_KEYS = {"name", "start", "width", "signs"}
SUMMARY_KEYS = {"members", "file_name", "beside"}
ROW_CHECK_KEYS = {"same", "left", "right", "column", "among"}
BALANCED_KEYS = {"by", "plus", "minus", "kind", "decimals", "may_be_partial"}
PANEL_KEYS = {"period", "columns", "first", "before", "month_end", "not_empty", "not_zero", "above_zero"}
MONTH_END_KEYS = {"name", "from", "format"}
SIGNS = ("as_is", "positive", "negative", "negated")
UNITS = ("major", "minor")


class _Reader:
    """Reads one YAML document into a Template, and says file and key of what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, where: str, what: str) -> InputError:
        return InputError(f"{self.path}: {where}: {what}. Mend the template (docs/loading.md has every key).")

    def mapping(self, value: Any, where: str, allowed: set[str] | None = None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(where, f"must be a mapping, found {value!r}")
        for key in value:
            if allowed is not None and key not in allowed:
                raise self.fail(where, f"unknown key {key!r}; known are {', '.join(sorted(allowed))}")
        return {str(key): entry for key, entry in value.items()}

    def text(self, value: Any, where: str) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.fail(where, f"must be text, found {value!r} (put it in quotes)")
        return str(value)

    def texts(self, value: Any, where: str) -> tuple[str, ...]:
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise self.fail(where, f"must be a text or a list of texts, found {value!r}")
        return tuple(self.text(entry, where) for entry in value)

    def pairs(self, value: Any, where: str) -> tuple[tuple[str, str], ...]:
        entries = self.mapping(value, where).items()
        return tuple((self.text(key, where), self.text(entry, where)) for key, entry in entries)

    def choice(self, value: Any, where: str, allowed: tuple[str, ...]) -> str:
        text = self.text(value, where)
        if text not in allowed:
            raise self.fail(where, f"{text!r} is none of {', '.join(allowed)}")
        return text

    def zone(self, value: Any, where: str) -> str:
        name = self.text(value, where)
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise self.fail(where, f"{name!r} is no time zone") from error
        return name


def read_template(path: Path) -> Template:
    """Read and check one template file. Raises InputError naming file, key and value."""
    reader = _Reader(path)
    try:
        body = path.read_text(encoding="utf-8")
        document = yaml.safe_load(body)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: is not readable as YAML: {error}") from error
    top = reader.mapping(document, "template", TOP_KEYS)
    for key in ("template", "dataset", "formats", "fields"):
        if key not in top:
            raise reader.fail(key, "is missing")
    dataset = DATASETS[reader.choice(top["dataset"], "dataset", tuple(DATASETS))]
    kind_column, kinds = _read_kinds(reader, top)
    members = reader.mapping(top.get("members", {}), "members", {"load", "ignore"})
    delimiter = reader.text(top.get("delimiter", ","), "delimiter")
    if len(delimiter) != 1:
        raise reader.fail("delimiter", f"must be one character, found {delimiter!r}")
    quote = reader.text(top.get("quote", '"'), "quote")
    if quote not in ("", '"'):
        raise reader.fail("quote", f"must be '\"' or empty, found {quote!r}")
    template = Template(
        name=reader.text(top["template"], "template"),
        dataset=dataset.name,
        description=reader.text(top.get("description", ""), "description"),
        formats=tuple(reader.choice(entry, "formats", FORMATS) for entry in reader.texts(top["formats"], "formats")),
        body=body,
        path=path,
        hash=hashlib.sha256(body.encode()).hexdigest(),
        fields=_read_fields(reader, dataset, top["fields"], tuple(dict(kinds).values())),
        file_names=reader.texts(top.get("file_names", []), "file_names"),
        encodings=_read_encodings(reader, top.get("encodings", ["utf-8"])),
        delimiter=delimiter,
        quote=quote,
        skip_lines=int(reader.text(top.get("skip_lines", 0), "skip_lines")),
        comment_prefix=reader.text(top["comment_prefix"], "comment_prefix") if "comment_prefix" in top else None,
        sheet=reader.text(top["sheet"], "sheet") if "sheet" in top else None,
        member_patterns=reader.texts(members.get("load", "*"), "members.load"),
        member_ignored=reader.texts(members.get("ignore", []), "members.ignore"),
        strip=top.get("strip", False) is True,
        strip_prefix=reader.text(top["strip_prefix"], "strip_prefix") if "strip_prefix" in top else None,
        null_values=reader.texts(top.get("null_values", []), "null_values"),
        time_zone=reader.zone(top["time_zone"], "time_zone") if "time_zone" in top else None,
        kind_column=kind_column,
        kinds=kinds,
        ignored_columns=reader.texts(top.get("ignored_columns", []), "ignored_columns"),
        key=reader.texts(top.get("key", list(dataset.key)), "key"),
        trailer=_read_trailer(reader, top.get("trailer"), tuple(dict(kinds).values())),
        empty_bill=reader.texts(top.get("empty_bill", []), "empty_bill"),
        columns=_read_columns(reader, top.get("columns", [])),
        summary=_read_summary(reader, top.get("summary")),
        row_checks=_read_row_checks(reader, top.get("row_checks", [])),
        balanced=_read_balanced(reader, top.get("balanced"), tuple(dict(kinds).values())),
        panel=_read_panel(reader, top.get("panel")),
    )
    if template.panel and (set(template.formats) - {"csv", "xlsx"} or template.trailer or template.balanced):
        raise reader.fail("panel", "only csv and xlsx files without a trailer are read so")
    if template.trailer and template.formats not in (("csv",), ("fixed",)):
        raise reader.fail("trailer", "only csv and fixed files have one; formats must be [csv] or [fixed]")
    if set(template.formats) & set(LAYOUTS) and len(template.formats) > 1:
        raise reader.fail("formats", f"{', '.join(LAYOUTS)} stand alone; write a template for each")
    if ("fixed" in template.formats) != bool(template.columns):
        raise reader.fail("columns", "a fixed format lists its columns, and no other has them")
    if set(template.key) != set(dataset.key):
        raise reader.fail("key", f"rows of {dataset.name} are known by {', '.join(dataset.key)}; name exactly these")
    return template


def _read_kinds(reader: _Reader, top: dict[str, Any]) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    if "kinds" not in top:
        return None, ()
    kinds = reader.mapping(top["kinds"], "kinds", {"column", "values"})
    if set(kinds) != {"column", "values"}:
        raise reader.fail("kinds", "needs column and values")
    return reader.text(kinds["column"], "kinds.column"), reader.pairs(kinds["values"], "kinds.values")


def _read_encodings(reader: _Reader, value: Any) -> tuple[str, ...]:
    names = reader.texts(value, "encodings")
    for name in names:
        try:
            codecs.lookup(name)
        except LookupError as error:
            raise reader.fail("encodings", f"{name!r} is no encoding that Python knows") from error
    return names


def _read_columns(reader: _Reader, value: Any) -> tuple[FixedColumn, ...]:
    columns = []
    for entry in value if isinstance(value, list) else []:
        spec = reader.mapping(entry, "columns", COLUMN_KEYS)
        absent = sorted({"name", "start", "width"} - set(spec))
        if absent:
            raise reader.fail("columns", f"{entry!r} needs {', '.join(absent)}")
        numbers = []
        for key in ("start", "width"):
            text = reader.text(spec[key], f"columns.{key}")
            if not text.isdigit() or int(text) < 1:
                raise reader.fail(f"columns.{key}", f"must be a whole number from 1 up, found {text!r}")
            numbers.append(int(text))
        signs = reader.pairs(spec.get("signs", {}), "columns.signs")
        columns.append(FixedColumn(reader.text(spec["name"], "columns.name"), numbers[0] - 1, numbers[1], signs))
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise reader.fail("columns", f"{name!r} comes twice")
    return tuple(columns)


def _read_summary(reader: _Reader, value: Any) -> Summary | None:
    if value is None:
        return None
    spec = reader.mapping(value, "summary", SUMMARY_KEYS)
    file_name = reader.text(spec.get("file_name", ""), "summary.file_name")
    beside = reader.text(spec.get("beside", ""), "summary.beside")
    if bool(file_name) != bool(beside):
        raise reader.fail("summary", "file_name and beside belong together")
    try:
        groups = re.compile(file_name).groupindex
        beside.format(**dict.fromkeys(groups, ""))
    except (re.error, KeyError, IndexError, ValueError) as error:
        raise reader.fail("summary", f"file_name and beside do not fit: {error}") from error
    return Summary(reader.texts(spec.get("members", []), "summary.members"), file_name, beside)


def _read_row_checks(reader: _Reader, value: Any) -> tuple[RowCheck, ...]:
    checks = []
    for entry in value if isinstance(value, list) else []:
        spec = reader.mapping(entry, "row_checks", ROW_CHECK_KEYS)
        if set(spec) == {"same"}:
            names = reader.texts(spec["same"], "row_checks.same")
            if len(names) != 2:
                raise reader.fail("row_checks.same", f"needs two columns, found {len(names)}")
            checks.append(RowCheck(names[:1], names[1:]))
        elif set(spec) == {"left", "right"}:
            left, right = (reader.texts(spec[side], f"row_checks.{side}") for side in ("left", "right"))
            checks.append(RowCheck(left, right, is_sum=True))
        elif set(spec) == {"column", "among"}:
            name = reader.text(spec["column"], "row_checks.column")
            checks.append(RowCheck((name,), among=reader.texts(spec["among"], "row_checks.among")))
        else:
            raise reader.fail("row_checks", f"{entry!r} needs same, or left and right, or column and among")
    return tuple(checks)


def _read_balanced(reader: _Reader, value: Any, kinds: tuple[str, ...]) -> Balanced | None:
    if value is None:
        return None
    spec = reader.mapping(value, "balanced", BALANCED_KEYS)
    if not {"by", "plus", "kind"} <= set(spec):
        raise reader.fail("balanced", "needs by, plus and kind")
    return Balanced(
        reader.text(spec["by"], "balanced.by"),
        reader.text(spec["plus"], "balanced.plus"),
        reader.text(spec["minus"], "balanced.minus") if "minus" in spec else None,
        reader.choice(spec["kind"], "balanced.kind", kinds),
        int(reader.choice(spec.get("decimals", "0"), "balanced.decimals", ("0", "1", "2", "3", "4"))),
        spec.get("may_be_partial", False) is True,
    )


def _read_panel(reader: _Reader, value: Any) -> Panel | None:
    if value is None:
        return None
    spec = reader.mapping(value, "panel", PANEL_KEYS)
    if not {"period", "columns"} <= set(spec):
        raise reader.fail("panel", "needs period and columns")
    columns, first, before = (reader.pairs(spec.get(key, {}), f"panel.{key}") for key in ("columns", "first", "before"))
    for name, pattern in columns:
        if pattern.count("{}") != 1:
            raise reader.fail(f"panel.columns.{name}", f"needs {{}} once, for the period's number; found {pattern!r}")
    dated = None
    if "month_end" in spec:
        entry = reader.mapping(spec["month_end"], "panel.month_end", MONTH_END_KEYS)
        if set(entry) != MONTH_END_KEYS:
            raise reader.fail("panel.month_end", "needs name, from and format")
        name, plain, form = (reader.text(entry[key], f"panel.month_end.{key}") for key in ("name", "from", "format"))
        dated = (name, plain, form)
    panel = Panel(
        reader.text(spec["period"], "panel.period"), columns, first, before, dated,
        *(reader.texts(spec.get(key, []), f"panel.{key}") for key in ("not_empty", "not_zero", "above_zero")),
    )  # fmt: skip
    names = panel.names()
    for name in names:
        if names.count(name) > 1:
            raise reader.fail("panel", f"{name!r} comes twice")
    blocks, moved = [name for name, _ in columns], [name for name, _ in before]
    for key, used, known in (
        ("first", [name for name, _ in first], [*blocks, *moved]),
        ("before", [name for _, name in before], blocks),
        ("not_empty", panel.not_empty, names),
        ("not_zero", panel.not_zero, names),
        ("above_zero", panel.above_zero, names),
    ):
        for name in used:
            if name not in known:
                raise reader.fail(f"panel.{key}", f"{name!r} is none of {', '.join(known)}")
    return panel


def _read_fields(
    reader: _Reader, dataset: Dataset, value: Any, kinds: tuple[str, ...]
) -> dict[str, dict[str, FieldSource]]:
    fields: dict[str, dict[str, FieldSource]] = {}
    for name, entry in reader.mapping(value, "fields", set(dataset.column_names)).items():
        where = f"fields.{name}"
        source = reader.mapping(entry, where)
        if kinds and set(source) <= set(kinds):
            by_kind = {kind: _read_source(reader, f"{where}.{kind}", spec) for kind, spec in source.items()}
            absent = sorted(set(kinds) - set(by_kind))
            if absent and dataset.column(name).required:
                raise reader.fail(where, f"has no source for rows of kind {', '.join(absent)}")
            fields[name] = by_kind
        else:
            fields[name] = {ANY_KIND: _read_source(reader, where, source)}
    for name in dataset.required:
        if name not in fields:
            raise reader.fail(f"fields.{name}", f"is missing; {dataset.name} need it")
    if not dataset.has_currency and any(source.unit == "minor" for source in _all_sources(fields)):
        raise reader.fail("fields.amount.unit", f"minor needs a currency, and {dataset.name} have none")
    return fields


def _all_sources(fields: dict[str, dict[str, FieldSource]]) -> list[FieldSource]:
    return [source for kinds in fields.values() for source in kinds.values()]


def _read_source(reader: _Reader, where: str, value: Any) -> FieldSource:
    spec = reader.mapping(value, where, FIELD_KEYS)
    given = [key for key in ("column", "columns", "object", "add", "constant") if key in spec]
    if len(given) != 1:
        raise reader.fail(where, "needs exactly one of column, columns, object, add, constant")
    if ("columns" in spec) != ("join" in spec):
        raise reader.fail(where, "columns and join belong together; alternatives are a list under column")
    if "subtract" in spec and "add" not in spec:
        raise reader.fail(where, "subtract needs add: from what it is taken")
    thousands = reader.text(spec["thousands"], f"{where}.thousands") if "thousands" in spec else None
    decimal = reader.choice(spec.get("decimal", "."), f"{where}.decimal", (".", ","))
    if thousands == decimal:
        raise reader.fail(where, f"thousands and decimal are both {decimal!r}")
    named = reader.pairs(spec.get("object", {}), f"{where}.object")
    if named and not where.startswith("fields.attributes"):
        raise reader.fail(where, "only attributes are an object")
    names = tuple(name for _, name in named) or reader.texts(spec.get("column", spec.get("columns", [])), where)
    return FieldSource(
        columns=names,
        names=tuple(key for key, _ in named),
        join=reader.text(spec["join"], f"{where}.join") if "join" in spec else None,
        skip_empty=spec.get("skip_empty", False) is True,
        upper=spec.get("upper", False) is True,
        add=reader.texts(spec.get("add", []), f"{where}.add"),
        subtract=reader.texts(spec.get("subtract", []), f"{where}.subtract"),
        constant=reader.text(spec["constant"], f"{where}.constant") if "constant" in spec else None,
        default=reader.text(spec["default"], f"{where}.default") if "default" in spec else None,
        values=reader.pairs(spec.get("values", {}), f"{where}.values"),
        strip_prefix=reader.text(spec["strip_prefix"], where) if "strip_prefix" in spec else None,
        null_values=reader.texts(spec.get("null_values", []), f"{where}.null_values"),
        thousands=thousands,
        decimal=decimal,
        time_formats=reader.texts(spec.get("time_formats", []), f"{where}.time_formats"),
        time_zone=reader.zone(spec["time_zone"], f"{where}.time_zone") if "time_zone" in spec else None,
        unit=reader.choice(spec.get("unit", "major"), f"{where}.unit", UNITS),
        sign=reader.choice(spec.get("sign", "as_is"), f"{where}.sign", SIGNS),
        optional=spec.get("optional", False) is True,
    )


def _read_trailer(reader: _Reader, value: Any, kinds: tuple[str, ...]) -> Trailer | None:
    if value is None:
        return None
    spec = reader.mapping(value, "trailer", TRAILER_KEYS)
    alternatives = []
    for entry in spec.get("alternatives", []):
        lines = reader.mapping(entry, "trailer.alternatives", {"patterns", "totals"})
        patterns = reader.texts(lines.get("patterns", []), "trailer.alternatives.patterns")
        totals = _read_totals(reader, lines.get("totals", []), kinds)
        groups: set[str] = set()
        for pattern in patterns:
            try:
                groups |= set(re.compile(pattern).groupindex)
            except re.error as error:
                raise reader.fail("trailer.alternatives.patterns", f"{pattern!r} is no pattern: {error}") from error
        for total in totals:
            if total.declared not in groups:
                raise reader.fail("trailer.alternatives.totals", f"no pattern has a group named {total.declared!r}")
        alternatives.append(TrailerLines(patterns, totals))
    return Trailer(
        header=reader.text(spec["header"], "trailer.header") if "header" in spec else None,
        end_mark=reader.text(spec["end_mark"], "trailer.end_mark") if "end_mark" in spec else None,
        required=reader.choice(spec.get("required", "always"), "trailer.required", ("always", "with_rows", "never")),
        totals=_read_totals(reader, spec.get("totals", []), kinds),
        alternatives=tuple(alternatives),
    )


def _read_totals(reader: _Reader, value: Any, kinds: tuple[str, ...]) -> tuple[Total, ...]:
    totals = []
    for entry in value if isinstance(value, list) else []:
        spec = reader.mapping(entry, "totals", TOTAL_KEYS)
        if "declared" not in spec or ("rows" in spec) == ("sum" in spec):
            raise reader.fail("totals", f"{entry!r} needs declared, and either rows: count or sum: a column")
        kind = reader.choice(spec["kind"], "totals.kind", kinds) if "kind" in spec else None
        sum_column = reader.text(spec["sum"], "totals.sum") if "sum" in spec else None
        decimals = reader.choice(spec.get("decimals", "0"), "totals.decimals", ("0", "1", "2", "3", "4"))
        negated = reader.choice(spec.get("sign", "as_is"), "totals.sign", ("as_is", "negative")) == "negative"
        name = reader.text(spec["declared"], "totals.declared")
        totals.append(Total(name, sum_column, kind, int(decimals), negated))
    return tuple(totals)
