"""Which templates there are, and which of them a file follows."""

from __future__ import annotations

import codecs
import difflib
import functools
import gzip
import io
import json
import zipfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path

from settle.errors import InputError
from settle.load.faults import Place
from settle.load.layouts import recognises
from settle.load.records import split_header
from settle.load.sheets import sheet_header
from settle.load.source import Member, Source, member_name, unknown_kind
from settle.load.template_files import read_template
from settle.load.templates import Template, ignored_members
from settle.settings import Settings

HEAD_BYTES = 1 << 18
LAST_ROW = 1_048_575


def all_templates(settings: Settings, dataset: str | None = None) -> list[Template]:
    """Every template, the canonical ones first; a user's own hides a shipped one of the same name and dataset."""
    found: dict[tuple[str, str], Template] = {}
    for folder in settings.template_dirs:
        for path in sorted(folder.glob("*.y*ml")):
            template = _read_once(path, path.stat().st_mtime_ns, path.stat().st_size)
            first = found.setdefault((template.dataset, template.name), template)
            if first is not template and first.path.parent == path.parent:
                raise InputError(f"{path}: template {template.name!r} is already in {first.path}. Rename one of them.")
    wanted = [each for each in found.values() if dataset in (None, each.dataset)]
    return sorted(wanted, key=lambda each: (each.name != "canonical", each.name, each.dataset))


@functools.cache
def _read_once(path: Path, mtime: int, size: int) -> Template:
    """A template as long as its file does not change: YAML is slow to read, and every file of an inbox asks for all."""
    return read_template(path)


def template_named(settings: Settings, name: str, dataset: str | None = None) -> Template:
    """The template of this name (or of a dataset: its canonical one). Raises InputError with the names there are."""
    templates = all_templates(settings)
    fitting = [each for each in templates if each.name == name and dataset in (None, each.dataset)]
    if not fitting and dataset is None:
        fitting = [each for each in templates if each.name == "canonical" and each.dataset == name]
    if len(fitting) > 1:
        datasets = ", ".join(each.dataset for each in fitting)
        raise InputError(f"template {name!r} is there for {datasets}. Say which with --dataset.")
    if not fitting:
        known = ", ".join(dict.fromkeys(each.name for each in templates if dataset in (None, each.dataset)))
        raise InputError(f"there is no template {name!r}{f' for {dataset}' if dataset else ''}. There are: {known}.")
    return fitting[0]


def columns_of(template: Template) -> list[str]:
    """The columns a file of this template has, in the order of the fields."""
    names = [template.kind_column] if template.kind_column else []
    for _, _, source in template.sources():
        names += [*source.columns, *source.add, *source.subtract]
    names += [column for check in template.row_checks for column in (*check.left, *check.right)]
    names += [total.sum_column for total in template.all_totals() if total.sum_column]
    return list(dict.fromkeys([*names, *(name for name in template.ignored_columns if name != "*")]))


def write_blank(template: Template, path: Path) -> None:
    """A file with nothing but the header, as .csv or .xlsx (there with the columns that every row needs in colour, and
    the values that a column may have to choose from). Raises InputError for others, or if it is there already."""
    if path.exists():
        raise InputError(f"{path}: is already there. Name another file.")
    if template.layout:
        raise InputError(f"{path}: files of template {template.name} come from a bank or channel, none is filled in.")
    names = columns_of(template)
    if path.suffix == ".csv":
        text = template.delimiter.join(names) + "\n"
        path.write_bytes(text.encode(template.encodings[-1]))
    elif path.suffix == ".xlsx" and "xlsx" in template.formats:
        import xlsxwriter

        with xlsxwriter.Workbook(str(path)) as book:
            sheet, text_format = book.add_worksheet(template.dataset), book.add_format({"num_format": "@"})
            # Text cells keep every digit of a number and of an amount; number cells do not.
            sheet.set_column(0, len(names) - 1, 20, text_format)
            sheet.freeze_panes(1, 0)
            plain = book.add_format({"bold": True, "num_format": "@"})
            needed = book.add_format({"bold": True, "num_format": "@", "bg_color": "#FCE8B2"})
            # A template's own words for a status are not the dataset's.
            columns = {each.name: each for each in template.data.columns} if template.name == "canonical" else {}
            for place, name in enumerate(names):
                column = columns.get(name)
                sheet.write_string(0, place, name, needed if column and column.required else plain)
                if column and column.allowed:
                    # What may stand there is offered, and anything else refused while it is typed.
                    choice = {"validate": "list", "source": list(column.allowed)}
                    sheet.data_validation(1, place, LAST_ROW, place, choice)
    else:
        raise InputError(f"{path}: template {template.name} is written as {' or '.join(template.formats)}.")


def choose_template(settings: Settings, source: Source, dataset: str, name: str | None) -> Template:
    """The template of a file: the one named, else the one whose columns its header has.

    Raises InputError saying what the closest templates miss.
    """
    if name is not None:
        template = template_named(settings, name, dataset)
        if template.layout and source.format in ("csv", "text"):
            return template
        if source.format == "text":
            raise unknown_kind(source)
        if source.format not in template.formats:
            raise InputError(
                f"{source.shown}: template {name} reads {', '.join(template.formats)}, not {source.format}."
            )
        return template
    if source.format in ("csv", "text"):
        layouts = [each for each in all_templates(settings, dataset) if each.layout]
        fitting = [each for each in layouts if recognises(each, _head(source, each))]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(each.name for each in fitting)
            raise InputError(f"{source.shown}: the templates {names} fit alike. Say which with --template.")
    if source.format == "text":
        raise unknown_kind(source)
    candidates = [each for each in all_templates(settings, dataset) if source.format in each.formats]
    headers = {each.name: header_of(source, each) for each in candidates}
    exact = [each for each in candidates if not problems_of(each, headers[each.name])]
    if exact and (exact[0].name == "canonical" or len(exact) == 1):
        return exact[0]
    if exact:
        names = ", ".join(each.name for each in exact)
        raise InputError(f"{source.shown}: the templates {names} fit alike. Say which with --template.")
    empty = [each for each in candidates if each.empty_bill and set(each.empty_bill) <= set(headers[each.name])]
    if len(empty) == 1:
        return empty[0]
    closest = sorted(candidates, key=lambda each: -likeness(each, headers[each.name]))
    if closest and likeness(closest[0], headers[closest[0].name]) >= 0.5:
        return closest[0]
    told = []
    for each in closest[:3]:
        missing = each.missing_columns(frozenset(headers[each.name]))
        told.append(f"  {each.name} misses {', '.join(missing[:8])}{' …' if len(missing) > 8 else ''}")
    raise InputError(
        f"{source.shown}: no template for {dataset} fits its header. Nothing was loaded. The closest:\n"
        + "\n".join(told)
        + "\nName the template with --template, or write one (docs/loading.md)."
    )


def problems_of(template: Template, header: tuple[str, ...]) -> list[str]:
    """The columns that are missing or not known; none if the header fits."""
    return template.missing_columns(frozenset(header)) + template.extra_columns(header)


def likeness(template: Template, header: tuple[str, ...]) -> float:
    """How much of what the template needs the header has, from 0 to 1."""
    needed = len(template.missing_columns(frozenset()))
    return 1 - len(template.missing_columns(frozenset(header))) / needed if needed else 0.0


def tell_header(place: Place, line: int, template: Template, header: tuple[str, ...]) -> str:
    """The message that refuses a header: each missing column with the closest one, each unknown one."""
    missing = template.missing_columns(frozenset(header))
    extra = template.extra_columns(header)
    where = place.of(line)
    told = []
    for name in missing:
        close = difflib.get_close_matches(name, extra or header, n=1, cutoff=0.5)
        found = f'; the closest in the file is "{close[0]}"' if close else ""
        told.append(f'{where}: column "{name}" is missing{found}. Rename or add it.')
        extra = [each for each in extra if each not in close]
    for name in extra:
        close = difflib.get_close_matches(name, [each for each in columns_of(template) if each not in header], n=1)
        meant = f' Is it "{close[0]}"?' if close else ""
        told.append(f'{where}: column "{name}" is not known.{meant} Remove it, or use a template that ignores it.')
    told.append(f"Nothing was loaded. The file was read with template {template.name} ({template.dataset}).")
    return "\n".join(told)


def header_of(source: Source, template: Template) -> tuple[str, ...]:
    """The header of a file as this template reads it; empty if it cannot be read so."""
    if source.format == "parquet":
        from settle.load.stage import parquet_columns

        return tuple(parquet_columns(source.path, source.shown))
    if source.format == "xlsx":
        return sheet_header(source.shown, Member(source.path.name, source.path), template)
    head = _head(source, template)
    for encoding, errors in [*((name, "strict") for name in template.encodings), (template.encodings[0], "replace")]:
        try:
            text = _decoded(head, encoding, errors)
        except UnicodeDecodeError:
            continue
        names = _json_names(text) if source.format == "ndjson" else _csv_names(source.shown, text, template)
        if names:
            return names
    return ()


def _decoded(head: bytes, encoding: str, errors: str) -> str:
    # The head may end in the middle of a character, which is no fault.
    return codecs.getincrementaldecoder(encoding)(errors).decode(head)


def _head(source: Source, template: Template) -> bytes:
    try:
        if source.packed == "gz":
            with gzip.open(source.path) as stream:
                return stream.read(HEAD_BYTES)
        if source.packed == "zip":
            with zipfile.ZipFile(source.path) as archive:
                for info in sorted(archive.infolist(), key=member_name):
                    base = member_name(info).rsplit("/", 1)[-1]
                    ignored = any(fnmatchcase(base, pattern) for pattern in ignored_members(template))
                    if not info.is_dir() and not ignored and not base.startswith("."):
                        with archive.open(info) as member:
                            return member.read(HEAD_BYTES)
                return b""
        with source.path.open("rb") as plain:
            return plain.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        # What is wrong with the archive is told when it is unpacked.
        return b""


def _csv_names(shown: str, text: str, template: Template) -> tuple[str, ...]:
    prefix = template.comment_prefix
    for number, line in enumerate(io.StringIO(text.removeprefix("\ufeff"), newline="\n"), 1):
        if number > template.skip_lines and line.strip() and not (prefix and line.startswith(prefix)):
            return split_header(shown, number, line, template)
    return ()


def _json_names(text: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for line in text.splitlines()[:100]:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            names.update(dict.fromkeys(row))
    return tuple(names)
