"""Settlement reports of PayPal as the tests write them: sections of movements, with totals that follow from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NAMES = (
    "Transaction ID", "Invoice ID", "PayPal Reference ID", "PayPal Reference ID Type", "Transaction Event Code",
    "Transaction Initiation Date", "Transaction Completion Date", "Transaction  Debit or Credit",
    "Gross Transaction Amount", "Gross Transaction Currency", "Fee Debit or Credit", "Fee Amount", "Fee Currency",
    "Custom Field", "Consumer ID", "Payment Tracking ID", "Store ID", "Bank Reference ID",
)  # fmt: skip


@dataclass(frozen=True)
class Movement:
    """One body record. Amounts have the sign of their side: above zero comes to the balance."""

    txn: str
    code: str
    gross: int
    fee: int = 0
    currency: str = "USD"
    invoice: str = ""
    bank: str = ""
    time: str = "2026/01/06 09:00:01 -0800"

    def cells(self) -> dict[str, str]:
        fee = {
            "Fee Debit or Credit": "CR" if self.fee > 0 else "DR",
            "Fee Amount": str(abs(self.fee)),
            "Fee Currency": self.currency,
        }
        return {
            "Transaction ID": self.txn,
            "Invoice ID": self.invoice,
            "Transaction Event Code": self.code,
            "Transaction Completion Date": self.time,
            "Transaction  Debit or Credit": "CR" if self.gross >= 0 else "DR",
            "Gross Transaction Amount": str(abs(self.gross)),
            "Gross Transaction Currency": self.currency,
            "Bank Reference ID": self.bank,
            **(fee if self.fee else {}),
        }


@dataclass(frozen=True)
class Section:
    """One account's movements; `names` are the columns, in the order of the file."""

    movements: Sequence[Movement]
    account: str = "SELLER1"
    opening: int = 100
    names: Sequence[str] = NAMES


def line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="").writerow(list(cells))
    return out.getvalue()


def footers(code: str, movements: Sequence[Movement], openings: dict[str, int]) -> list[str]:
    """One footer for each currency: four totals, six balances, the number of rows."""
    lines = []
    for currency, opening in openings.items():
        mine = [each for each in movements if each.currency == currency]
        totals = [
            sum(max(sign * amount, 0) for amount in amounts)
            for amounts in ([each.gross for each in mine], [each.fee for each in mine])
            for sign in (1, -1)
        ]
        closing = opening + sum(each.gross + each.fee for each in mine)
        balances: list[object] = []
        for balance in (opening, closing, opening, closing, 0, 0):
            balances += ["CR" if balance >= 0 else "DR", abs(balance)]
        lines.append(line([code, currency, *totals, *balances, len(mine)]))
    return lines


def section_lines(section: Section) -> list[str]:
    lines = [line(["SH", "2026/01/06 00:00:00 -0800", "2026/01/06 23:59:59 -0800", section.account, ""])]
    if section.movements:
        lines.append(line(["CH", *section.names]))
    for movement in section.movements:
        cells = movement.cells()
        lines.append(line(["SB", *(cells.get(name, "") for name in section.names)]))
    lines += footers("SF", section.movements, openings(section))
    return [*lines, line(["SC", len(section.movements)])]


def openings(section: Section) -> dict[str, int]:
    return dict.fromkeys([each.currency for each in section.movements] or ["USD"], section.opening)


def report(*sections: Section, before: Sequence[Section] = (), number: int = 1, last: bool = True) -> list[str]:
    """The lines of one file; `before` are the sections of the report's earlier files: the last tells their totals."""
    lines = [line(["RH", "2026/01/07 02:00:00 -0800", "A", "SELLER1", 9, ""]), line(["FH", number])]
    for section in sections:
        lines += section_lines(section)
    if last:
        everything = [*before, *sections]
        opened: dict[str, int] = {}
        for section in everything:
            for currency, opening in openings(section).items():
                opened[currency] = opened.get(currency, 0) + opening
        movements = [each for section in everything for each in section.movements]
        lines += [*footers("RF", movements, opened), line(["RC", len(movements)])]
    return [*lines, line(["FF", sum(len(section.movements) for section in sections)])]
