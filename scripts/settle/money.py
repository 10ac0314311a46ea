"""Amounts as text: how many decimals a currency has, which texts are amounts, and what is wrong with the others."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from settle.errors import InputError
from settle.settings import Settings

INTEGER_DIGITS = 16
STORED_DECIMALS = 4
MAX_MINOR = 9_200_000_000_000_000_000
PLAIN = re.compile(r"-?\d+(\.\d+)?")
EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
DECIMAL_COMMA = re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+),\d+")
NUMBERS = ("no", "one", "two", "three", "four")


def currency_exponents(settings: Settings) -> dict[str, int]:
    """Decimals by currency, from the configuration's currencies.csv, else the shipped one.

    Raises InputError naming file and line when an exponent is no whole number from 0 to 4.
    """
    own = settings.config_dir / "currencies.csv"
    shipped = settings.project_dir / "seeds" / "packages" / "defaults" / "seeds" / "currencies.csv"
    file = own if own.is_file() else shipped
    return _read_currencies(file) if file.is_file() else {}


def _read_currencies(file: Path) -> dict[str, int]:
    exponents: dict[str, int] = {}
    with file.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), 2):
            exponent = (row.get("exponent") or "").strip()
            if exponent not in ("0", "1", "2", "3", "4"):
                raise InputError(
                    f'{file}:{number}: column "exponent": {exponent!r} is no number of decimals. Write 0 to 4.'
                )
            exponents[(row.get("currency") or "").strip()] = int(exponent)
    return exponents


def amount_text(minor: int, decimals: int) -> str:
    """Minor units as plain major-unit text: 12345 with two decimals is `123.45`."""
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    whole, fraction = (digits[:-decimals], "." + digits[-decimals:]) if decimals else (digits, "")
    return f"{'-' if minor < 0 else ''}{whole}{fraction}"


def amount_pattern(decimals: int, whole: bool = False) -> str:
    """The regular expression of a plain amount of at most `decimals` decimals, zeros after them allowed."""
    if whole:
        return r"-?[0-9]{1,18}"
    fraction = rf"(\.([0-9]{{1,{decimals}}}0*|0+))?" if decimals else r"(\.0+)?"
    return rf"-?[0-9]{{1,{INTEGER_DIGITS}}}{fraction}"


def amount_fault(text: str, decimals: int, currency: str | None, whole: bool = False) -> str:
    """What is wrong with an amount's text and what to write instead."""
    value = text.strip()
    if EXPONENT.fullmatch(value):
        return "is in exponent notation. Write all its digits."
    if THOUSANDS.fullmatch(value):
        plain = value.replace(",", "")
        return f"has thousands separators. Write {plain}, or use a template that declares them."
    if DECIMAL_COMMA.fullmatch(value):
        plain = value.replace(".", "").replace(",", ".")
        return f"has a decimal comma. Write {plain}, or use a template that declares it."
    if value != text and PLAIN.fullmatch(value):
        return f"has blanks around it. Write {value}."
    if not PLAIN.fullmatch(value):
        return "is no amount. Write plain decimal text such as 1234.50."
    if whole:
        return "is not in whole minor units." if "." in value else "has more than 18 digits."
    integer, _, fraction = value.lstrip("-").partition(".")
    if len(integer) > INTEGER_DIGITS:
        return f"has more than {INTEGER_DIGITS} digits before the point. Check the amount."
    if len(fraction.rstrip("0")) > decimals:
        of = f" for {currency}" if currency else ""
        noun = "decimal" if decimals == 1 else "decimals"
        more = "decimals" if decimals == 0 else f"more than {NUMBERS[decimals]} {noun}"
        return f"has {more}{of}. Round it where it comes from; nothing is rounded here."
    return "is too large to be counted in minor units. Check the amount."
