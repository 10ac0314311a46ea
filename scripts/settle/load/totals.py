"""Declared totals: what a file says about itself against what is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from settle.errors import InputError
from settle.load.faults import Place
from settle.load.fields import SPACES, literal
from settle.load.records import Table
from settle.load.stage import Staged
from settle.load.templates import Balanced, Template, Total


@dataclass(frozen=True)
class Totals:
    """Declared and found values by name, as text; empty where the file declares nothing."""

    declared: dict[str, str]
    found: dict[str, str]
    warnings: tuple[str, ...] = ()


def check_totals(place: Place, template: Template, table: Table, staged: Staged, rows: int) -> Totals:
    """Compare the trailer with the rows. Raises InputError when it is missing, unreadable or disagrees."""
    trailer = template.trailer
    if table.checks:
        return _checked(place, table)
    if template.balanced:
        return _balanced(place, template.balanced, staged)
    if trailer is None:
        return Totals({}, {})
    needed = trailer.required == "always" or (trailer.required == "with_rows" and rows > 0)
    if trailer.end_mark and not table.end_mark_line and trailer.required != "never":
        raise _missing(place, f'line with "{trailer.end_mark}"')
    line, declared, totals = _declared(template, table)
    if not totals:
        if needed:
            what = f'line that begins with "{trailer.header}"' if trailer.header else "line of totals"
            raise _missing(place, what)
        return Totals({}, {})
    where = f"{table.summary}:{line}" if table.summary else place.of(line)
    teller = "summary" if table.summary else "trailer"
    absent = [total.declared for total in totals if total.declared not in declared]
    if absent:
        raise InputError(f'{where}: the {teller} has no "{absent[0]}". Nothing was loaded. Fetch the file again.')
    found = {total.declared: _found(staged, template, total) for total in totals}
    wrong = []
    for name, value in found.items():
        try:
            agrees = Decimal(declared[name]) == Decimal(value)
        except InvalidOperation:
            agrees = False
        if not agrees:
            wrong.append(f'{where}: the {teller} declares "{name}" {declared[name]}, found {value}.')
    _refuse(wrong)
    return Totals({name: declared[name] for name in found}, found)


def _refuse(wrong: list[str]) -> None:
    if wrong:
        raise InputError(
            "\n".join(wrong) + "\nNothing was loaded. The file is not complete or was changed: fetch it again."
        )


def _balanced(place: Place, balanced: Balanced, staged: Staged) -> Totals:
    """Payouts against the rows that they pay out, group by group.

    A group without a payout is still open; where a file may be partial, a payout alone is paid out by other files.
    """

    def number(name: str) -> str:
        return f"coalesce(try_cast(trim({staged.given.columns[name]}, {SPACES}) as decimal(38, 6)), 0)"

    value = number(balanced.plus) + (f" - {number(balanced.minus)}" if balanced.minus else "")
    payout = f"filter (texts._kind = {literal(balanced.kind)})"
    rest = f"filter (texts._kind <> {literal(balanced.kind)})"
    group = f"trim(files.{staged.given.columns[balanced.by]}, {SPACES})"
    found = staged.connection.execute(
        f"select {group}, min(files._line_no) {payout}, sum(-({value})) {payout}, coalesce(sum({value}) {rest}, 0) "
        f"from {staged.relation} as files join ({staged.texts()}) as texts on texts._line_no = files._line_no "
        f"where not texts._blank and {group} <> '' group by 1 having count(*) {payout} > 0 "
        f"{f'and count(*) {rest} > 0' if balanced.may_be_partial else ''} order by 2"
    ).fetchall()
    declared, rows, wrong = {}, {}, []
    for name, line, paid, given in found:
        sums = [_shown(Decimal(amount).scaleb(-balanced.decimals)) for amount in (paid, given)]
        declared[f"payout of {name}"], rows[f"payout of {name}"] = sums
        if paid != given:
            wrong.append(
                f'{place.of(line)}: the payout of {balanced.by} "{name}" is {sums[0]}, its rows give {sums[1]}.'
            )
    if balanced.may_be_partial:
        return Totals(declared, rows, tuple(f"{text} The others may be in another file." for text in wrong))
    _refuse(wrong)
    return Totals(declared, rows)


def _checked(place: Place, table: Table) -> Totals:
    """Totals whose sums the reader of the layout has made."""
    wrong = []
    for line, name, declared, found in table.checks:
        try:
            agrees = Decimal(declared) == Decimal(found)
        except InvalidOperation:
            agrees = False
        if not agrees:
            wrong.append(f'{place.of(line)}: the file declares "{name}" {declared}, found {found}.')
    _refuse(wrong)
    return Totals(
        {name: declared for _, name, declared, _ in table.checks}, {name: found for _, name, _, found in table.checks}
    )


def _missing(place: Place, what: str) -> InputError:
    return InputError(
        f"{place.file}: the {what} at its end is missing: the file is cut short. Nothing was loaded. Fetch it again."
    )


def _declared(template: Template, table: Table) -> tuple[int, dict[str, str], tuple[Total, ...]]:
    """(line, declared values, totals to check) of the trailer; no totals if there is none."""
    trailer = template.trailer
    assert trailer is not None
    if trailer.header:
        if table.trailer is None:
            return 0, {}, ()
        return table.trailer_line + 1, table.trailer, trailer.totals
    for lines in trailer.alternatives:
        declared: dict[str, str] = {}
        at = 0
        matched = 0
        for pattern in lines.patterns:
            for number, text in table.comments:
                match = re.match(pattern, text)
                if match:
                    declared |= match.groupdict()
                    at = at or number
                    matched += 1
                    break
        if matched == len(lines.patterns):
            return at, declared, lines.totals
    return 0, {}, ()


def _found(staged: Staged, template: Template, total: Total) -> str:
    where = "not _blank" + (f" and _kind = {literal(total.kind)}" if total.kind else "")
    if total.sum_column is None:
        sql = f"select count(*) from ({staged.texts()}) as texts where {where}"
        return str(staged.connection.execute(sql).fetchall()[0][0])
    column = staged.given.columns[total.sum_column]
    text = f"trim({column}, {SPACES})"
    if template.strip_prefix:
        text = f"ltrim({text}, {literal(template.strip_prefix)})"
    lines = f"select _line_no from ({staged.texts()}) as texts where {where}"
    number = f"try_cast({text} as decimal(38, 6))"
    sql = f"select coalesce(sum({number}), 0) from {staged.relation} where _line_no in ({lines})"
    value = Decimal(staged.connection.execute(sql).fetchall()[0][0]).scaleb(-total.decimals)
    if total.negated:
        value = -value
    return _shown(value)


def _shown(value: Decimal) -> str:
    # At least two decimals, as the files write them, and not more than the sum has.
    shown = value.normalize()
    exponent = shown.as_tuple().exponent
    decimals = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{value:.{decimals}f}"
