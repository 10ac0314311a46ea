"""From a template to SQL: each canonical column's text, typed value, and what would make it a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from settle.errors import InputError
from settle.load.datasets import Column
from settle.load.json_text import is_no_object
from settle.load.templates import ANY_KIND, FieldSource, RowCheck, Template
from settle.money import MAX_MINOR, STORED_DECIMALS, amount_fault, amount_pattern
from settle.times import COMMON_TIME, ISO_OFFSET, ISO_TIME, date_fault, time_fault

INTEGER_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
INTEGERS = frozenset(INTEGER_TYPES) | {f"U{name}" for name in INTEGER_TYPES}
FLOATS = frozenset({"FLOAT", "DOUBLE"})
TIME_ZONED = "TIMESTAMP WITH TIME ZONE"
TIMES = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
TEXTS = frozenset({"VARCHAR", "UUID", "BOOLEAN", "JSON"}) | INTEGERS
# JSON as DuckDB reads it may end a list with a comma or hold NaN; PostgreSQL and every other reader refuse both.
LOOSE_JSON = r"(?i),\s*[}\]]|[:\[,]\s*-?(nan|inf)"
SPACES = "' ' || chr(9) || chr(13) || chr(10) || chr(12288)"


def literal(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Check:
    """One way a row can be bad. `bad`: a predicate over `texts` and `typed`, never null where the row has none.

    `text`: SQL of the value to show; `extra`: SQL of what the explanation needs besides (the currency);
    `explain(value, extra)`: what is wrong and what to do. `verify`: says for a value whether it is bad after all.
    """

    column: str
    code: str
    bad: str
    text: str
    explain: Callable[[str, str | None], str]
    extra: str = "null"
    verify: Callable[[str], bool] | None = None


@dataclass
class Plan:
    """The SQL of a file's rows: inner `texts` and outer `typed` projections, checks, and the row's kind."""

    texts: dict[str, str] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    kind: str = "''"
    kind_text: str = "null"


@dataclass(frozen=True)
class Input:
    """The staged relation: SQL and DuckDB type of each of the file's columns, and the time zone of its session."""

    columns: dict[str, str]
    types: dict[str, str]
    zone: str
    exponents: dict[str, int]
    currencies: tuple[str, ...] = ()


def make_plan(template: Template, given: Input, shown: str) -> Plan:
    """The plan for one file. Raises InputError when a typed column (Parquet) cannot hold what it should."""
    return _Planner(template, given, shown).plan()


class _Planner:
    def __init__(self, template: Template, given: Input, shown: str) -> None:
        self.template = template
        self.given = given
        self.shown = shown
        self.result = Plan()
        self.header = frozenset(given.columns)

    def plan(self) -> Plan:
        if self.template.kind_column:
            self.plan_kind(self.template.kind_column)
        # Amounts are checked against the row's currency, so its text comes first.
        columns = sorted(self.template.data.columns, key=lambda column: column.kind == "amount")
        for column in columns:
            sources = self.template.fields.get(column.name, {})
            self.plan_column(column, sources)
        for number, check in enumerate(self.template.row_checks):
            self.plan_row_check(check, f"check_{number}")
        return self.result

    def plan_row_check(self, check: RowCheck, base: str) -> None:
        """A check of a row's columns against each other, told at the last of them."""
        if any(name not in self.header for name in (*check.left, *check.right)):
            return
        names = (*check.left, *check.right)
        texts = [self.clean(name, FieldSource(columns=(name,))) for name in names]
        for number, text in enumerate(texts):
            self.result.texts[f"{base}_{number}"] = text
        shown, at = names[-1], f"{base}_{len(names) - 1}"
        if check.among:
            allowed = ", ".join(literal(value) for value in check.among)
            told = f"is not {' or '.join(check.among)}, as this template takes it to be. Write one for such files."
            bad = f"coalesce({at}, '') not in ({allowed})"
        elif check.is_sum:
            numbers = [f"coalesce(try_cast({base}_{number} as decimal(38, 6)), 0)" for number in range(len(names))]
            left, right = numbers[: len(check.left)], numbers[len(check.left) :]
            told = (
                f"does not agree with the rest of the row: {' + '.join(check.left)} must be "
                f"{' + '.join(check.right)}. Fetch the file again."
            )
            bad = f"{' + '.join(left)} <> {' + '.join(right)}"
        else:
            told = (
                f'is not the same as column "{check.left[0]}". Set the row aside, or write a template for such files.'
            )
            bad = f"coalesce({base}_0 <> {base}_1, false)"
        self.result.checks.append(Check(shown, "row_disagrees", bad, f"coalesce({at}, '')", lambda value, extra: told))

    def plan_kind(self, name: str) -> None:
        text = self.clean(name, FieldSource(columns=(name,)))
        known = [key for key, _ in self.template.kinds]
        cases = " ".join(f"when {literal(key)} then {literal(kind)}" for key, kind in self.template.kinds)
        self.result.kind = f"case {text} {cases} else '?' end"
        self.result.kind_text = text
        told = f"is none of {', '.join(known)}. A template must say what to do with it."
        self.result.checks.append(Check(name, "unknown_value", "_kind = '?'", "_kind_text", lambda value, extra: told))

    def plan_column(self, column: Column, sources: dict[str, FieldSource]) -> None:
        texts, values = {}, {}
        for number, (kind, source) in enumerate(sources.items()):
            names = source.present(self.header)
            if source.constant is None and any(name not in self.header for name in names):
                if source.default is not None:
                    texts[kind] = literal(source.default)
                    values[kind] = self.constant_value(column, source.default)
                continue
            base = f"t_{column.name}_{number}"
            texts[kind], values[kind] = self.plan_source(column, kind, source, base, names)
        self.result.texts[f"t_{column.name}"] = self.by_kind(texts)
        self.result.typed[f"v_{column.name}"] = self.by_kind(values) if values else _null(column)

    def by_kind(self, parts: dict[str, str]) -> str:
        if not parts:
            return "null::varchar"
        if set(parts) == {ANY_KIND}:
            return parts[ANY_KIND]
        cases = " ".join(f"when {literal(kind)} then {part}" for kind, part in parts.items())
        return f"case _kind {cases} end"

    def constant_value(self, column: Column, text: str) -> str:
        return {"integer": text, "amount": f"{text}::decimal(20, 4)"}.get(column.kind, literal(text))

    def when(self, kind: str, predicate: str) -> str:
        return predicate if kind == ANY_KIND else f"_kind = {literal(kind)} and ({predicate})"

    def plan_source(
        self, column: Column, kind: str, source: FieldSource, base: str, names: tuple[str, ...]
    ) -> tuple[str, str]:
        """(text, value) of one source; adds its checks."""
        if source.constant is not None:
            return literal(source.constant), self.constant_value(column, source.constant)
        shown = " and ".join(names)
        if column.kind == "amount":
            return self.plan_amounts(column, kind, source, base, names)
        typed = self.typed(column, names[0]) if len(names) == 1 else None
        if typed is not None:
            self.result.texts[base] = f"cast({self.given.columns[names[0]]} as varchar)"
            self.result.texts[f"{base}_v"] = self.given.columns[names[0]]
            # Asked of the value: writing five million times as text, only to see that none is empty, took 0.4 s.
            self.check_required(column, kind, shown, f"{base}_v")
            return base, self.typed_value(column, source, kind, shown, base, typed)
        text = f" || {literal(source.join or '')} || ".join(self.clean(name, source) for name in names)
        if source.skip_empty:
            parts = ", ".join(self.clean(name, source) for name in names)
            text = f"nullif(concat_ws({literal(source.join or '')}, {parts}), '')"
        if source.names:
            pairs = zip(source.names, names, strict=True)
            members = ", ".join(f"{literal(key)}, {self.clean(name, source)}" for key, name in pairs)
            text = f"cast(json_object({members}) as varchar)"
        if source.upper:
            text = f"upper({text})"
        self.result.texts[f"{base}_raw"] = text
        mapped = text
        if source.values:
            cases = " ".join(f"when {literal(key)} then {literal(value)}" for key, value in source.values)
            mapped = f"case {text} {cases} end"
        if source.default is not None:
            mapped = (
                f"coalesce({mapped}, {literal(source.default)})"
                if not source.values
                else (f"case when {text} is null then {literal(source.default)} else {mapped} end")
            )
        self.result.texts[base] = mapped
        if source.values:
            told = f"is none of {', '.join(key for key, _ in source.values)}. A template must say what to do with it."
            self.add(
                kind, shown, "unknown_value", f"{base}_raw is not null and {base} is null", f"{base}_raw",
                lambda value, extra: told,
            )  # fmt: skip
        self.check_required(column, kind, shown, f"{base}_raw" if source.default is None else base)
        return base, self.text_value(column, kind, source, base, shown)

    def check_required(self, column: Column, kind: str, shown: str, text: str) -> None:
        if column.required:
            # Only a text that begins with a blank can be all blanks; trimming every value would cost a pass.
            blanks = f" or ({text} < '!' and trim({text}, {SPACES}) = '')" if column.kind == "text" else ""
            self.add(
                kind, shown, "missing_value", f"{text} is null{blanks}", "''",
                lambda value, extra: "is empty. Every row needs it.",
            )  # fmt: skip

    def add(
        self, kind: str, shown: str, code: str, bad: str, text: str, explain: Callable[[str, str | None], str],
        extra: str = "null", verify: Callable[[str], bool] | None = None,
    ) -> None:  # fmt: skip
        self.result.checks.append(Check(shown, code, self.when(kind, bad), text, explain, extra, verify))

    def clean(self, name: str, source: FieldSource) -> str:
        """The column's text, cleaned as the template says; an empty one is null."""
        sql = self.given.columns[name]
        if self.given.types[name] != "VARCHAR":
            sql = self.as_text(name)
        if self.template.strip:
            sql = f"trim({sql}, {SPACES})"
        prefix = source.strip_prefix or self.template.strip_prefix
        if prefix:
            sql = (
                f"case when starts_with({sql}, {literal(prefix)}) then substr({sql}, {len(prefix) + 1}) else {sql} end"
            )
            if self.template.strip:
                sql = f"trim({sql}, {SPACES})"
        for null in ("", *self.template.null_values, *source.null_values):
            sql = f"nullif({sql}, {literal(null)})"
        return sql

    def as_text(self, name: str) -> str:
        sql, kind = self.given.columns[name], self.given.types[name]
        if kind.startswith(("STRUCT", "MAP")):
            return f"cast(to_json({sql}) as varchar)"
        if kind not in TEXTS and not kind.startswith("ENUM"):
            raise InputError(
                f'{self.shown}: column "{name}" is {kind} and should be text. Nothing was loaded. Write it as text.'
            )
        return f"cast({sql} as varchar)"

    def typed(self, column: Column, name: str) -> str | None:
        """The type of a column that needs no reading from text, else None."""
        kind = self.given.types[name]
        if kind == "VARCHAR" or column.kind in ("text", "json"):
            return None
        fits = {
            "integer": kind in INTEGERS,
            "date": kind == "DATE",
            "time": kind in TIMES or kind == TIME_ZONED,
            "amount": kind.startswith("DECIMAL") or kind in INTEGERS,
        }[column.kind]
        if fits:
            return kind
        if column.kind == "amount" and kind in FLOATS:
            raise InputError(
                f'{self.shown}: column "{name}" is {kind}: binary floating point cannot hold money. '
                "Nothing was loaded. Write it as decimal(20, 4) or as text."
            )
        wanted = {
            "integer": "a whole number",
            "date": "a date or text",
            "time": "a timestamp or text",
            "amount": "decimal or text",
        }[column.kind]
        raise InputError(
            f'{self.shown}: column "{name}" is {kind} and should be {wanted}. Nothing was loaded. Write it so.'
        )

    def typed_value(self, column: Column, source: FieldSource, kind: str, shown: str, base: str, sql_type: str) -> str:
        value = f"{base}_v"
        if column.kind == "integer":
            self.add(
                kind, shown, "bad_number", f"coalesce({value} < 1 or {value} > 2147483647, false)", base,
                lambda text, extra: "is no whole number from 1 up.",
            )  # fmt: skip
            value = f"cast({value} as integer)"
            return f"coalesce({value}, {source.default})" if source.default is not None else value
        if column.kind == "date":
            return value
        if sql_type == TIME_ZONED:
            return f"make_timestamp(epoch_us({value}))"
        zone = source.time_zone or self.given.zone
        return f"timezone('UTC', timezone({literal(zone)}, cast({value} as timestamp)))"

    def text_value(self, column: Column, kind: str, source: FieldSource, base: str, shown: str) -> str:
        if column.kind == "integer":
            self.add(
                kind, shown, "bad_number",
                f"{base} is not null and not coalesce(regexp_full_match({base}, '[0-9]{{1,9}}') "
                f"and try_cast({base} as integer) >= 1, false)", base,
                lambda value, extra: "is no whole number from 1 up.",
            )  # fmt: skip
            return f"try_cast({base} as integer)"
        if column.kind == "date":
            return self.date_value(kind, source, base, shown)
        if column.kind == "time":
            return self.time_value(kind, source, base, shown)
        if column.kind == "json":
            self.add(
                kind, shown, "bad_json",
                f"{base} is not null and (coalesce(json_type(try_cast({base} as json)), '') <> 'OBJECT' "
                f"or regexp_matches({base}, {literal(LOOSE_JSON)}))", base,
                lambda value, extra: 'is no JSON object. Write one, such as {"principal": "100.00"}.',
                verify=is_no_object,
            )  # fmt: skip
        elif column.allowed:
            allowed = ", ".join(column.allowed)
            quoted = ", ".join(literal(value) for value in column.allowed)
            self.add(
                kind, shown, "unknown_value", f"{base} is not null and {base} not in ({quoted})", base,
                lambda value, extra: f"is none of {allowed}. Write one of them, or use a template that maps it.",
            )  # fmt: skip
        return base

    def date_value(self, kind: str, source: FieldSource, base: str, shown: str) -> str:
        if source.time_formats:
            formats = ", ".join(literal(text) for text in source.time_formats)
            value = f"cast(try_strptime({base}, [{formats}]) as date)"
            bad = f"{base} is not null and {value} is null"
        else:
            value = f"try_cast({base} as date)"
            iso = f"regexp_full_match({base}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
            bad = f"{base} is not null and (not {iso} or {value} is null)"
        told = date_fault(source.time_formats)
        self.add(kind, shown, "bad_date", bad, base, lambda text, extra: told)
        return value

    def time_value(self, kind: str, source: FieldSource, base: str, shown: str) -> str:
        zone = source.time_zone or self.given.zone
        local = f"try_cast({base} as timestamp)"
        if source.time_formats:
            formats = ", ".join(literal(text) for text in source.time_formats)
            value = f"timezone('UTC', timezone({literal(zone)}, try_strptime({base}, [{formats}])))"
            bad = f"{base} is not null and try_strptime({base}, [{formats}]) is null"
        else:
            # The session's time zone is the file's, so the cast reads times with and without an offset alike.
            # The count of microseconds is UTC already; converting by zone name would ask the calendar for every row.
            value = f"make_timestamp(epoch_us(try_cast({base} as timestamptz)))"
            if zone != self.given.zone:
                value = (
                    f"case when regexp_matches({base}, {literal(ISO_OFFSET)}) then {value} "
                    f"else timezone('UTC', timezone({literal(zone)}, {local})) end"
                )
            bad = (
                f"{base} is not null and (not case when {base} like {literal(COMMON_TIME)} then true "
                f"else regexp_full_match({base}, {literal(ISO_TIME)}) end or try_cast({base} as timestamptz) is null)"
            )
        told = time_fault(source.time_formats)
        self.add(kind, shown, "bad_time", bad, base, lambda text, extra: told)
        return value

    def plan_amounts(
        self, column: Column, kind: str, source: FieldSource, base: str, names: tuple[str, ...]
    ) -> tuple[str, str]:
        values = []
        for number, name in enumerate(names):
            part = f"{base}_{number}"
            typed = self.typed(column, name)
            if typed is not None:
                self.result.texts[part] = f"cast({self.given.columns[name]} as varchar)"
                self.result.texts[f"{part}_v"] = self.given.columns[name]
                sql = self.typed_amount(kind, source, part, name, typed)
            else:
                self.result.texts[part] = self.clean(name, source)
                self.result.texts[f"{part}_n"] = self.plain(self.clean(name, source), source)
                sql = self.text_amount(kind, source, part, name)
            self.check_required(column, kind, name, part if typed is None else f"{part}_v")
            self.check_sign(column, kind, source, part, name, sql)
            taken = bool(source.subtract) and number >= len(source.add)
            values.append(f"-({sql})" if (source.sign in ("negative", "negated")) != taken else sql)
        value = values[0] if len(values) == 1 else f"try_cast({' + '.join(values)} as decimal(20, 4))"
        return f"{base}_0", value

    def plain(self, sql: str, source: FieldSource) -> str:
        """The text with the template's separators taken out, where they stand as they should."""
        if source.thousands:
            mark = f"[{source.thousands}]"
            decimal = f"[{source.decimal}]"
            grouped = literal(f"-?[0-9]{{1,3}}({mark}[0-9]{{3}})+({decimal}[0-9]+)?")
            sql = (
                f"case when regexp_full_match({sql}, {grouped}) "
                f"then replace({sql}, {literal(source.thousands)}, '') else {sql} end"
            )
        if source.decimal == ",":
            # A point would be read as a decimal point after the comma is replaced: such a text is a fault instead.
            sql = f"case when contains({sql}, '.') then 'x' || {sql} else replace({sql}, ',', '.') end"
        return sql

    def decimals(self) -> list[tuple[int, list[str]]]:
        """(decimals, currencies of the file that have them); the last entry is for all others."""
        if not self.template.data.has_currency:
            return [(STORED_DECIMALS, [])]
        groups: dict[int, list[str]] = {}
        for currency in self.given.currencies:
            groups.setdefault(self.given.exponents.get(currency, STORED_DECIMALS), []).append(currency)
        return sorted(groups.items(), key=lambda group: -len(group[1])) or [(STORED_DECIMALS, [])]

    def by_currency(self, part: Callable[[int], str]) -> str:
        groups = self.decimals()
        if len(groups) == 1:
            return part(groups[0][0])
        cases = " ".join(
            f"when t_currency in ({', '.join(literal(code) for code in codes)}) then {part(decimals)}"
            for decimals, codes in groups
        )
        return f"case {cases} else {part(STORED_DECIMALS)} end"

    def explain_amount(self, whole: bool) -> Callable[[str, str | None], str]:
        def explain(value: str, currency: str | None) -> str:
            decimals = self.given.exponents.get(currency or "", STORED_DECIMALS)
            return amount_fault(value, decimals, currency, whole)

        return explain

    @property
    def currency_sql(self) -> str:
        return "t_currency" if self.template.data.has_currency else "null"

    def text_amount(self, kind: str, source: FieldSource, part: str, name: str) -> str:
        text, whole = f"{part}_n", source.unit == "minor"
        if whole:
            fits = f"regexp_full_match({text}, {literal(amount_pattern(0, whole=True))})"
            value = self.by_currency(
                lambda d: f"try_cast(try_cast({text} as decimal(20, 0)) * {_minor_unit(d)} as decimal(20, 4))"
            )
        else:
            fits = self.by_currency(lambda d: f"regexp_full_match({text}, {literal(amount_pattern(d))})")
            value = f"try_cast({text} as decimal(20, 4))"
        bad = f"{text} is not null and (not {fits}{self.too_large(value)})"
        self.add(kind, name, "bad_amount", bad, part, self.explain_amount(whole), self.currency_sql)
        return value

    def too_large(self, value: str) -> str:
        """Where a currency has so many decimals that 16 digits do not fit a bigint of minor units."""
        if all(decimals < 3 for decimals, _ in self.decimals()) or not self.template.data.has_currency:
            return ""
        limit = self.by_currency(lambda d: f"cast({MAX_MINOR // 10**d} as decimal(20, 0))")
        return f" or abs({value}) > {limit}"

    def typed_amount(self, kind: str, source: FieldSource, part: str, name: str, sql_type: str) -> str:
        raw = f"{part}_v"
        value = f"try_cast({raw} as decimal(20, 4))"
        if source.unit == "minor":
            wide = f"try_cast({raw} as decimal(20, 0))"
            value = self.by_currency(lambda d: f"try_cast({wide} * {_minor_unit(d)} as decimal(20, 4))")
            exact = f"{wide} = {raw}"
        else:
            exact = self.by_currency(lambda d: f"{raw} = round({raw}, {d})") if "DECIMAL" in sql_type else "true"
            if sql_type.endswith(",0)") or _scale(sql_type) == 0:
                exact = "true"
        bad = f"{raw} is not null and (not ({exact}) or {value} is null{self.too_large(value)})"
        self.add(kind, name, "bad_amount", bad, part, self.explain_amount(source.unit == "minor"), self.currency_sql)
        return value

    def check_sign(self, column: Column, kind: str, source: FieldSource, part: str, name: str, value: str) -> None:
        if source.sign == "negative":
            what = f" of a row of kind {kind}" if kind else ""
            self.add(
                kind, name, "bad_sign", f"coalesce({value} > 0, false)", part,
                lambda text, extra: f"is positive; this column{what} has a minus sign. Ask for a correct file.",
            )  # fmt: skip
        elif source.sign == "positive" or not column.may_be_negative:
            self.add(
                kind, name, "bad_sign", f"coalesce({value} < 0, false)", part,
                lambda text, extra: "is negative. The direction is told by the type of the row; write the amount "
                "without a sign.",
            )  # fmt: skip


def _minor_unit(decimals: int) -> str:
    """One minor unit as a decimal literal of SQL: a product of decimals is exact, a quotient is not."""
    return f"cast({'0.' + '0' * (decimals - 1) + '1' if decimals else '1'} as decimal(5, 4))"


def _scale(sql_type: str) -> int:
    inside = sql_type[sql_type.find("(") + 1 : sql_type.find(")")] if "(" in sql_type else ""
    return int(inside.split(",")[1]) if "," in inside else 0


def _null(column: Column) -> str:
    kinds = {"integer": "integer", "amount": "decimal(20, 4)", "date": "date", "time": "timestamp"}
    return f"cast(null as {kinds.get(column.kind, 'varchar')})"
