"""Suites of expectations from YAML; file, expectation and key of what is wrong with one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from settle.errors import InputError
from settle.settings import Settings

WHERE_KIND = "no_rows_where"
AGREE_KIND = "no_rows_agree_in"
OWN_KINDS = (WHERE_KIND, AGREE_KIND)
# The kinds that name failing rows by key on every engine without reading the table into memory.
KINDS = (
    *OWN_KINDS,
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_be_unique",
    "expect_column_pair_values_a_to_be_greater_than_b",
)
SUITE_KEYS = {"table", "key", "rows", "expectations"}
KEYS = {"id", "expect", "arguments", "where", "meaning", "what_to_do", "owner", "severity", "until"}
SEVERITIES = ("critical", "warning")
ROWS_OF_THE_BATCH = "batch_id = {batch_id}"
TABLE = re.compile(r"[a-z_]+\.[a-z0-9_]+")
NAME = re.compile(r"[a-z][a-z0-9_]*")
REFERENCE = re.compile(r"\bref\(([^)]*)\)")


@dataclass(frozen=True)
class Expectation:
    """One thing expected of a table, and what to do when it does not hold."""

    expectation_id: str
    kind: str
    arguments: Mapping[str, Any]
    where: str
    meaning: str
    what_to_do: str
    owner: str
    severity: str
    until: date | None

    def stops(self, batch_date: date) -> bool:
        """Whether failing stops publication: it is critical, or a warning whose time is over."""
        return self.severity == "critical" or (self.until is not None and batch_date > self.until)


@dataclass(frozen=True)
class Suite:
    """The expectations of one table; `key` names its rows, `rows` says which of them belong to a batch."""

    file: Path
    table: str
    key: tuple[str, ...]
    rows: str
    expectations: tuple[Expectation, ...]

    @property
    def name(self) -> str:
        """The suite is called as its file."""
        return self.file.stem


def sql_of(text: str, prefix: str, batch_id: int, batch_date: date) -> str:
    """SQL of a suite for one batch: tables by their names in this warehouse, the batch's number and date."""
    named = REFERENCE.sub(lambda found: prefix + found.group(1).strip(), text)
    return named.replace("{batch_id}", str(batch_id)).replace("{batch_date}", f"date '{batch_date}'")


def suite_folders(settings: Settings) -> list[Path]:
    """Where suites are: the folder of SETTLE_EXPECTATIONS first, then the shipped one.

    Raises InputError when the variable names no folder.
    """
    folders = [settings.project_dir / "seeds" / "expectations"]
    if os.environ.get("SETTLE_EXPECTATIONS"):
        own = Path(os.environ["SETTLE_EXPECTATIONS"]).absolute()
        if not own.is_dir():
            raise InputError(f"SETTLE_EXPECTATIONS: the folder {own} does not exist. Make it or unset the variable.")
        folders.insert(0, own)
    return folders


def read_suites(folders: list[Path]) -> list[Suite]:
    """All suites by name; a file of an earlier folder takes the place of one of the same name in a later one.

    Raises InputError naming file, expectation and key of what cannot be.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.yml")):
            files.setdefault(file.name, file)
    suites = [read_suite(files[name]) for name in sorted(files)]
    seen: dict[str, Path] = {}
    for suite in suites:
        for expectation in suite.expectations:
            name = expectation.expectation_id
            if name in seen:
                raise InputError(f"{suite.file}: {name}: the id is used in {seen[name]} too. Give it another one.")
            seen[name] = suite.file
    return suites


def read_suite(file: Path) -> Suite:
    """One suite. Raises InputError naming file, expectation and key of what cannot be."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{file}: is not readable as YAML: {error}") from error
    suite = _mapping(file, "the file", content, SUITE_KEYS)
    table = _text(file, "the file", suite, "table")
    if not TABLE.fullmatch(table):
        raise _fault(file, "table", f"{table!r} is no table. Write schema.table, such as clearing.fct_clearing_details")
    key = _columns(file, "key", suite.get("key"))
    entries = suite.get("expectations")
    if not isinstance(entries, list) or not entries:
        raise _fault(file, "expectations", "there are none. List at least one")
    rows = str(suite.get("rows") or ROWS_OF_THE_BATCH)
    return Suite(file, table, key, rows, tuple(_expectation(file, entry) for entry in entries))


def _expectation(file: Path, entry: Any) -> Expectation:
    name = str(entry.get("id") or "an expectation without id") if isinstance(entry, dict) else "an expectation"
    given = _mapping(file, name, entry, KEYS)
    if not NAME.fullmatch(_text(file, name, given, "id")):
        raise _fault(file, name, "an id has lower-case letters, digits and _ only")
    kind, severity = _text(file, name, given, "expect"), _text(file, name, given, "severity")
    if kind not in KINDS:
        raise _fault(file, f"{name}: expect", f"{kind!r} is unknown. Use one of {', '.join(KINDS)}")
    if severity not in SEVERITIES:
        raise _fault(file, f"{name}: severity", f"{severity!r} is unknown. Use one of {', '.join(SEVERITIES)}")
    until = given.get("until")
    if until is not None and not isinstance(until, date):
        raise _fault(file, f"{name}: until", f"{until!r} is no day. Write it as 2027-06-30")
    if severity == "warning" and until is None:
        raise _fault(file, f"{name}: until", "is missing. A warning says until when it may be one; then it is critical")
    arguments = _mapping(file, f"{name}: arguments", given.get("arguments") or {}, None)
    if kind == WHERE_KIND:
        where = _text(file, name, given, "where")
        if arguments:
            raise _fault(file, f"{name}: arguments", f"{WHERE_KIND} takes only where")
    else:
        where = ""
        if "where" in given:
            raise _fault(file, f"{name}: where", f"is for {WHERE_KIND} only")
    if kind == AGREE_KIND:
        columns = _columns(file, f"{name}: arguments: columns", arguments.pop("columns", None))
        if arguments:
            raise _fault(file, f"{name}: arguments", f"{AGREE_KIND} takes only columns")
        # A row that lacks one of them agrees with none.
        same = ", ".join(columns)
        where = (
            f"({same}) in (select {same} from (select * from {{batch}}) as again group by {same} having count(*) > 1)"
        )
    texts = {column: _text(file, name, given, column) for column in ("meaning", "what_to_do", "owner")}
    return Expectation(
        expectation_id=name, kind=kind, arguments=arguments, where=where, severity=severity, until=until, **texts
    )


def _mapping(file: Path, where: str, value: Any, allowed: set[str] | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _fault(file, where, f"{value!r} is no mapping of keys to values")
    strange = sorted(str(key) for key in value if allowed is not None and key not in allowed)
    if strange:
        raise _fault(file, where, f"the key {strange[0]!r} is unknown. Use {', '.join(sorted(allowed or ()))}")
    return {str(key): entry for key, entry in value.items()}


def _columns(file: Path, where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise _fault(file, where, f"{value!r} is no list of columns")
    return tuple(value)


def _text(file: Path, where: str, given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _fault(file, f"{where}: {key}", "is missing or no text")
    return value.strip()


def _fault(file: Path, where: str, what: str) -> InputError:
    return InputError(f"{file}: {where}: {what}. docs/rules/quality.md has the format.")
