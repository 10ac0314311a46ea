"""Makes the Data Docs of Great Expectations readable without a network: nothing is fetched, styles are in the page."""

from __future__ import annotations

import ast
import re
import shutil
from importlib.resources import files
from pathlib import Path

# Scripts only fetch, ask for newsletters, or fill the tables that `_fill_tables` fills without them.
SCRIPT = re.compile(r"<script\b.*?</script>", re.S | re.I)
STYLESHEET = re.compile(r"<link\b[^>]*>", re.I)
PICTURE = re.compile(r"<img\b[^>]*>", re.I)
FOOTER = re.compile(r"<footer\b.*?</footer>", re.S | re.I)
HANDLER = re.compile(r"""\son\w+=("[^"]*"|'[^']*')""", re.I)
ABROAD = re.compile(r"""\b(href|src)=("(?:https?:)?//[^"]*"|'(?:https?:)?//[^']*')""", re.I)
URL_ABROAD = re.compile(r"""url\(\s*['"]?(?:https?:)?//[^)]*\)""", re.I)
HEAD_END = re.compile(r"</head>", re.I)
# The tables of the first page are written as literals into a script.
TABLE = re.compile(
    r"\$\('#([\w-]+)'\)\.bootstrapTable\(.*?^\s*columns: (\[.*?\]),\n\s*data: (\[.*?\]),\n\s*toolbar:", re.S | re.M
)
SHOWN = ("validation_success", "run_time", "asset_name", "expectation_suite_name")


def make_offline(folder: Path) -> None:
    """Rewrite every page below `folder`, and drop the pictures and fonts that no page shows any more."""
    shutil.rmtree(folder / "static", ignore_errors=True)
    for page in folder.rglob("*.html"):
        page.write_text(offline(page.read_text(encoding="utf-8")), encoding="utf-8")


def offline(page: str) -> str:
    """The page without scripts, pictures and anything that is elsewhere, with its style inside."""
    page = _fill_tables(page)
    for pattern in (SCRIPT, STYLESHEET, PICTURE, FOOTER, HANDLER, ABROAD):
        page = pattern.sub("", page)
    page = URL_ABROAD.sub("none", page)
    return HEAD_END.sub(lambda found: f"<style>{_style()}</style>{found.group(0)}", page, count=1)


def _style() -> str:
    return files("settle.quality").joinpath("data_docs.css").read_text(encoding="utf-8")


def _fill_tables(page: str) -> str:
    for name, columns, data in TABLE.findall(page):
        shown = [each for each in ast.literal_eval(columns) if each["field"] in SHOWN]
        head = "".join(f"<th>{each['title']}</th>" for each in shown)
        rows = "".join(f"<tr>{_cells(shown, row)}</tr>" for row in ast.literal_eval(data))
        body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        empty = re.compile(rf'(<table\s+id="{name}"[^>]*>)\s*</table>')
        page = empty.sub(lambda found, body=body: found.group(1) + body, page)  # type: ignore[misc]
    return page


def _cells(columns: list[dict[str, str]], row: dict[str, str]) -> str:
    cells = []
    for column in columns:
        text = str(row.get(column["field"], ""))
        if column["field"] == "asset_name" or (len(columns) == 1 and "<a" not in text):
            text = f'<a href="{row["_table_row_link_path"]}">{text}</a>'
        cells.append(f"<td>{text}</td>")
    return "".join(cells)
