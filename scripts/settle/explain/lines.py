"""The very lines of loaded files, read from the archive as loading kept them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from settle.errors import SettleError
from settle.load.faults import Place
from settle.load.templates import MOST_PERIODS

LONGEST_LINE = 400


def place_of(row: Mapping[str, Any], template_bodies: Mapping[str, str]) -> str:
    """File and line of a loaded row; of a panel, where one line makes many rows, the period too."""
    body = yaml.safe_load(template_bodies.get(str(row["template_hash"]), "")) or {}
    place = Place(str(row["file_name"] or "unknown file"), periods=MOST_PERIODS if "panel" in body else 0)
    return place.of(int(row["file_line_no"] or 0))


def line_texts(loaded: Sequence[Mapping[str, Any]], template_bodies: Mapping[str, str]) -> list[str | None]:
    """The line each loaded row came from; None where its archived file or template is gone or damaged.

    Rows need archive_path, template_hash and file_line_no; lines count from 1, the header included. `template_bodies`
    are the templates' YAML texts by hash, as the warehouse kept them: a template changed since would read other lines.
    """
    wanted: dict[tuple[str, str], set[int]] = {}
    for row in loaded:
        if row["archive_path"] and row["file_line_no"]:
            place = (str(row["archive_path"]), str(row["template_hash"]))
            wanted.setdefault(place, set()).add(int(row["file_line_no"]))
    found = {place: _read(*place, numbers, template_bodies) for place, numbers in wanted.items()}
    return [
        _cut(found.get((str(row["archive_path"]), str(row["template_hash"])), {}).get(int(row["file_line_no"] or 0)))
        for row in loaded
    ]


def _read(archive: str, template_hash: str, numbers: set[int], bodies: Mapping[str, str]) -> dict[int, str]:
    from settle.load.archive import archived_lines
    from settle.load.panel import lines_of
    from settle.load.template_files import read_template

    if template_hash not in bodies:
        return {}
    try:
        with TemporaryDirectory(prefix="settle-") as folder:
            file = Path(folder) / "template.yml"
            file.write_text(bodies[template_hash], encoding="utf-8")
            template = read_template(file)
            places = lines_of(template, numbers)
            texts = archived_lines(Path(archive), template, set(places.values()))
            return {number: texts[line] for number, line in places.items() if line in texts}
    # A story without the text of a line is worth more than none: what else is known stands in the warehouse.
    except (SettleError, OSError, ValueError):
        return {}


def _cut(text: str | None) -> str | None:
    if text is None:
        return None
    text = text.removeprefix("\ufeff")
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "…"
