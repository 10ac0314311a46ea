"""Loads files: each whole or not at all, in one transaction, on either engine."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from settle.errors import InputError, SettleError, TryAgainError
from settle.load.archive import archive_source
from settle.load.batches import batch_of, choose_batch_date
from settle.load.catalog import choose_template
from settle.load.datasets import dataset_named
from settle.load.faults import Fault, Place, tell
from settle.load.history import has_repeated_keys, reject_late_lines, take_back_late_lines, take_out_known
from settle.load.ledger import (
    Counts,
    Reject,
    find_loaded,
    keep_template,
    next_file_id,
    record_file,
    record_rejects,
)
from settle.load.panel import named_as_in_file
from settle.load.reading import Opened, open_rows
from settle.load.source import Source, open_source
from settle.load.stage import FAULT_SIGN, find_faults, set_aside
from settle.load.store import Store, open_store
from settle.load.templates import Template
from settle.load.totals import Totals, check_totals
from settle.money import currency_exponents
from settle.output import Reporter
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse

MOST_WARNINGS = 20
# "File too large" is what the limit on the size of one file (`ulimit -f`) gives.
SIGNS_OF_FULL = ("No space left", "ENOSPC", "File too large", "max_temp_directory_size", "failed to write")


@dataclass(frozen=True)
class FileJob:
    """A file to load and, if it is known, its template."""

    dataset: str
    path: Path
    template: str | None = None


@dataclass(frozen=True)
class Rejecting:
    """Lines to set aside: those named, and with `bad` every line that has a fault."""

    lines: frozenset[int] = frozenset()
    bad: bool = False


@dataclass
class LoadReport:
    """What became of one file. `status` is loaded or already_loaded."""

    file: str
    status: str
    dataset: str
    template: str = ""
    batch_id: int = 0
    batch_date: date | None = None
    file_id: int = 0
    counts: Counts = field(default_factory=lambda: Counts(0, 0, 0, 0))
    totals: Totals = field(default_factory=lambda: Totals({}, {}))
    note: str = ""
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "file": self.file,
            "status": self.status,
            "dataset": self.dataset,
            "template": self.template,
            "batch_id": self.batch_id,
            "batch_date": self.batch_date,
            "file_id": self.file_id,
            "rows_read": self.counts.read,
            "rows_loaded": self.counts.loaded,
            "rows_rejected": self.counts.rejected,
            "rows_repeated": self.counts.repeated,
            "rows_blank": self.counts.blank,
            "declared_totals": self.totals.declared,
            "found_totals": self.totals.found,
            "note": self.note,
            "warnings": self.warnings,
        }

    def summary(self) -> str:
        """The report for a person."""
        if self.status != "loaded":
            return f"{self.file}: {self.note}"
        counts = self.counts
        text = (
            f"{self.file}: {counts.read} rows read = {counts.loaded} loaded + {counts.rejected} rejected "
            f"+ {counts.repeated} repeated"
        )
        if counts.blank:
            text += f" ({counts.blank} blank lines)"
        text += f"; {self.dataset}, template {self.template}, batch {self.batch_id} of {self.batch_date}"
        if self.totals.declared and not self.totals.warnings:
            text += "; its totals agree: " + ", ".join(f"{name} {value}" for name, value in self.totals.found.items())
        return text + "."


def load_files(
    settings: Settings,
    jobs: Sequence[FileJob],
    batch_date: date | None,
    rejecting: Rejecting,
    reporter: Reporter,
    reports: list[LoadReport],
) -> None:
    """Load each file in a transaction of its own; `reports` takes what became of each.

    A file that is refused does not keep the others out. Raises InputError with every refusal at the end,
    TryAgainError at once when the warehouse is locked, unreachable or out of room.
    """
    for job in jobs:
        dataset_named(job.dataset)
    refusals: list[str] = []
    with open_warehouse(settings) as warehouse, told_when_full(settings), warehouse.exclusive():
        warehouse.ensure_raw_tables()
        day = choose_batch_date(settings, warehouse, batch_date)
        exponents = currency_exponents(settings)
        for job in jobs:
            try:
                reports.append(_load_file(settings, warehouse, job, day, exponents, rejecting, reporter))
            except InputError as error:
                refusals.append(str(error))
    if refusals:
        raise InputError("\n".join(refusals))


@contextmanager
def told_when_full(settings: Settings) -> Iterator[None]:
    """Turn a full disk or a file that may not grow, wherever it shows, into an error that says that nothing changed."""
    import duckdb

    told = (
        "there is no room left on the disk ({}). The file was not loaded, nothing is half done. Make room, try again."
    )
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise TryAgainError(told.format(error.strerror)) from error
        raise
    except duckdb.Error as error:
        text = str(error)
        if any(sign in text for sign in SIGNS_OF_FULL):
            raise TryAgainError(told.format(text.splitlines()[0])) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise TryAgainError(
                f"the memory limit is too small for this file ({text.splitlines()[0]}). Nothing was changed. "
                "Raise SETTLE_MEMORY_LIMIT, try again."
            ) from error
        raise
    except Exception as error:
        if type(error).__name__ == "DiskFull":
            raise TryAgainError(told.format(str(error).splitlines()[0])) from error
        if type(error).__name__ in ("AdminShutdown", "OperationalError", "CannotConnectNow"):
            raise TryAgainError(f"PostgreSQL broke off: {error}. The file was not loaded. Try again.") from error
        raise


def _load_file(
    settings: Settings,
    warehouse: Warehouse,
    job: FileJob,
    day: date,
    exponents: dict[str, int],
    rejecting: Rejecting,
    reporter: Reporter,
) -> LoadReport:
    source = open_source(job.path)
    loaded = find_loaded(warehouse, source.sha256, job.dataset)
    if loaded:
        note = (
            f"is already loaded: the same bytes are file {loaded.file_id}, {loaded.file_name}, in batch "
            f"{loaded.batch_id}. Nothing was changed."
        )
        return LoadReport(source.shown, "already_loaded", job.dataset, file_id=loaded.file_id,
                          batch_id=loaded.batch_id, note=note)  # fmt: skip
    template = choose_template(settings, source, job.dataset, job.template)
    if template.layout:
        source = replace(source, format=template.layout)
    with TemporaryDirectory(prefix="settle-") as folder_name, open_store(warehouse, Path(folder_name)) as store:
        reporter.step(f"reading {job.path} with template {template.name}")
        zone = template.time_zone or settings.time_zone
        opened = open_rows(store.connection, source, template, Path(folder_name), zone, exponents)
        file = _File(settings, warehouse, store, source, template, opened, rejecting)
        return file.load(day, reporter)


@dataclass
class _File:
    """One file between reading and commit."""

    settings: Settings
    warehouse: Warehouse
    store: Store
    source: Source
    template: Template
    opened: Opened
    rejecting: Rejecting
    rejects: list[Reject] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.opened.place

    def load(self, day: date, reporter: Reporter) -> LoadReport:
        totals = self.check_trailer()
        self.warnings += totals.warnings
        careful = bool(self.rejecting.lines or self.rejecting.bad or self.opened.table.faults)
        if careful:
            self.check_rows()
        reporter.step(f"loading {self.source.shown}")
        try:
            report = self.write(day, totals, checked=careful)
        except Exception as error:
            if careful or not _may_be_fault(error):
                raise
            # The insert stops at the first fault it meets; which faults there are is asked now, of the staged rows.
            self.check_rows()
            self.rejects.clear()
            report = self.write(day, totals, checked=True)
        return report

    def check_trailer(self) -> Totals:
        if self.template.trailer is None and self.template.balanced is None and not self.opened.table.checks:
            return Totals({}, {})
        return check_totals(self.place, self.template, self.opened.table, self.opened.staged, self.opened.row_total())

    def check_rows(self) -> None:
        """Find every fault; raise InputError unless all the lines that have one are set aside."""
        table, staged = self.opened.table, self.opened.staged
        outside = sorted(line for line in self.rejecting.lines if not 0 < line <= self.opened.last_line())
        if outside:
            raise InputError(
                f"{self.place.file}: --reject {outside[0]}: no such line; the file has {self.opened.last_line()}. "
                "Nothing was loaded."
            )
        aside = self.rejecting.lines
        findings = find_faults(staged, every=bool(aside or self.rejecting.bad))
        found = named_as_in_file(self.template, findings.faults)
        left = [fault for fault in [*table.faults, *found] if fault.line not in aside]
        if left and not self.rejecting.bad:
            lines, count = len({fault.line for fault in left}), len(left)
            if not aside:
                lines = findings.lines + len({fault.line for fault in table.faults})
                count = findings.count + len(table.faults)
            raise InputError(tell(self.place, left, count, lines, self.command()))
        self.rejects = self.reject_rows(found)
        set_aside(staged.connection, {reject.line for reject in self.rejects})

    def command(self) -> str:
        """The call that loads this file again."""
        named = f" --template {self.template.name}" if self.template.name != "canonical" else ""
        return f"settle load {self.template.dataset} {shlex.quote(self.source.shown)}{named}"

    def reject_rows(self, faults: Sequence[Fault]) -> list[Reject]:
        """One reject per line: its first fault, or that a person named it."""
        first: dict[int, list[Fault]] = {}
        for fault in sorted([*self.opened.table.faults, *faults], key=lambda fault: (fault.line, fault.order)):
            if fault not in first.setdefault(fault.line, []):
                first[fault.line].append(fault)
        wanted = self.rejecting.lines & self.opened.present(self.rejecting.lines)
        lines = sorted({*first, *wanted})
        texts = self.opened.text_of(set(lines))
        rejects = []
        for line in lines:
            found = first.get(line)
            if found is None:
                told = "set aside by --reject"
                rejects.append(Reject(line, None, None, "set_aside", told, texts.get(line)))
                continue
            reason = "; ".join(fault.reason() for fault in found)
            raw = texts.get(line) or found[0].raw_text
            rejects.append(Reject(line, found[0].column, found[0].value, found[0].code, reason, raw))
        return rejects

    def write(self, day: date, totals: Totals, checked: bool) -> LoadReport:
        """One transaction: rows, what is taken out of them again, rejects, ledger, archive."""
        dataset, raw = self.template.data, self.warehouse.schema("raw")
        rejects = list(self.rejects)
        with self.warehouse.transaction():
            batch_id = batch_of(self.warehouse, day)
            file_id = next_file_id(self.warehouse)
            select = self.opened.staged.insertable(dataset.column_names, file_id, batch_id, checked)
            incoming = self.store.write(dataset, select, file_id)
            repeated_keys = self.has_repeated_keys(incoming)
            repeats, modified = take_out_known(self.store, dataset, incoming, file_id, repeated_keys)
            for row in modified:
                reason = (
                    f"{'/'.join(dataset.key)} {row.key} was loaded before ({row.old_file}:{row.old_line}) with other "
                    f'content: column "{row.column}": was {row.old!r}, is {row.new!r}. {dataset.modified_advice}'
                )
                rejects.append(Reject(row.line, row.column, row.new, "modified", reason, None))
                self.warn(row.line, f"{reason} The row is in the rejects; the rest is loaded.")
            for line, order_no, earlier in reject_late_lines(self.store, dataset, incoming, file_id, batch_id):
                reason = _told_late(order_no, earlier)
                rejects.append(Reject(line, "order_no", order_no, "order_closed", reason, None))
                self.warn(line, reason)
            self.take_back_lines(incoming, batch_id, day)
            held = self.warehouse.execute(f"select count(*) from {incoming} as i")
            self.store.finish(dataset)
            counts = Counts(int(held[0][0]), len(rejects), repeats, self.opened.blank())
            self.check_counts(counts)
            record_rejects(self.store, dataset.name, file_id, batch_id, self.with_texts(rejects))
            keep_template(self.warehouse, self.template)
            archived = archive_source(self.source, self.settings.archive_dir)
            record_file(self.warehouse, self.source, self.template, file_id, batch_id, counts, totals, archived)
        found = self.warehouse.execute(f"select batch_id from {raw}.load_files where file_id = ?", (file_id,))
        report = LoadReport(
            self.source.shown, "loaded", dataset.name, self.template.name, int(found[0][0]), day, file_id, counts,
            totals, warnings=self.told_warnings(),
        )  # fmt: skip
        return report

    def take_back_lines(self, incoming: str, batch_id: int, day: date) -> None:
        """Reject lines of later batches, loaded before, whose orders this file brings; their own files count them."""
        late = take_back_late_lines(self.store, self.template.data, incoming, batch_id)
        for (file_id, their_batch), group in groupby(late, key=lambda line: (line.file_id, line.batch_id)):
            rejects = []
            for line in group:
                reason = _told_late(line.order_no, day)
                rejects.append(Reject(line.line, "order_no", line.order_no, "order_closed", reason, line.text))
                self.warnings.append(
                    f"{line.file}:{line.line}: {reason} The line was loaded before; it is in the rejects now."
                )
            record_rejects(self.store, "order_lines", file_id, their_batch, rejects)

    def has_repeated_keys(self, incoming: str) -> bool:
        dataset = self.template.data
        if self.warehouse.engine == "duckdb":
            return has_repeated_keys(self.store, dataset, f"{incoming} as i")
        return has_repeated_keys(self.store, dataset, f"({self.opened.staged.typed()}) as typed where not _blank", "v_")

    def check_counts(self, counts: Counts) -> None:
        """Every row of the file must be accounted for; if not, it is our fault and nothing is committed."""
        expected = self.opened.row_total() + len(self.opened.table.faults)
        if counts.read != expected:
            raise SettleError(
                f"{self.source.shown}: {expected} rows are in the file but {counts.read} are accounted for. "
                "This is a bug in settle; nothing was loaded."
            )

    def warn(self, line: int, text: str) -> None:
        self.warnings.append(f"{self.place.of(line)}: {text}")

    def told_warnings(self) -> list[str]:
        told = self.warnings[:MOST_WARNINGS]
        if len(self.warnings) > len(told):
            told.append(f"{self.place.file}: and {len(self.warnings) - len(told)} more, all in the rejects.")
        if self.rejects:
            told.insert(0, f"{self.place.file}: {len(self.rejects)} lines were set aside; they are in the rejects.")
        return told

    def with_texts(self, rejects: Sequence[Reject]) -> list[Reject]:
        texts = self.opened.text_of({reject.line for reject in rejects if reject.raw_text is None})
        return [
            Reject(each.line, each.column, each.value, each.code, each.reason, each.raw_text or texts.get(each.line))
            for each in rejects
        ]


def _told_late(order_no: str, earlier: date) -> str:
    """Why a line is rejected whose order is in the batch of an earlier date, and what to do."""
    return (
        f"order {order_no} came in an earlier batch ({earlier}). Send the order and its lines again with a higher "
        "version."
    )


def _may_be_fault(error: Exception) -> bool:
    """Whether the insert stopped because of a row and not of the machine."""
    import duckdb

    kinds = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.ConstraintException,
             duckdb.OutOfRangeException)  # fmt: skip
    return isinstance(error, kinds) or FAULT_SIGN in str(error)
