"""Suggestions on both engines: whole companies of a few orders, and the likeness of texts by a table of its own."""

from __future__ import annotations

import duckdb
import psycopg
import pytest

from tests.warehouse.rendered import render

ALIKE = (
    ("A-0711", "A-0712", 800),  # A071 of 5
    ("A-0711", "a 0711", 1000),  # signs and case say nothing
    ("A-0711", "A-0171", 600),  # A0 and 1
    ("1001", "2001", 750),  # 001 of 4
    ("PAY-A0711", "A0711", 625),  # 5 of 8
    ("A1", "A1", 1000),
    ("A", "B", 0),
    ("AAAAAA", "AAA", 500),  # both begin and end with AAA, but the shorter has only three
    ("A<", "A>", 1000),
    ("A", "A" * 9, 111),
    ("ORD2026010500000001", "ORD2026010500000010", 894),  # 17 of 19
    ("订单一二三", "订单一二四", 800),  # letters that have no case are as they are
    ("12345678", "12345678", 1000),
    ("1234567890123456X", "1234567890123456Y", 941),  # 16 of 17
    ("X1234567890123456", "Y1234567890123456", 941),
    ("Z" * 62 + "1", "Z" * 62 + "2", 984),  # 62 of 63
    ("Z" * 63 + "left", "Z" * 63 + "right", 1000),  # only the first 63 count
    ("--", "A1", None),
    ("", "A1", None),
    (None, "A1", None),
)
PAIRS = ", ".join(
    f"({number}, {'null' if left is None else repr(left)}, {right!r})" for number, (left, right, _) in enumerate(ALIKE)
)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_text_likeness(engine: str, request: pytest.FixtureRequest) -> None:
    files = ("money/money.sql", "reconciliation/text_likeness.sql")
    sql = render(engine, "{{ text_likeness('pairs') }}", *files)

    def cleaned(column: str) -> str:
        return render(engine, f"{{{{ letters_and_digits('{column}') }}}}", *files)

    query = (
        f"with given as (select * from (values {PAIRS}) as given (pair_no, left_text, right_text)), "
        f"pairs as (select pair_no, {cleaned('left_text')} as left_text, {cleaned('right_text')} as right_text "
        "from given) "
        f"select pair_no, likeness from ({sql}) as alike"
    )
    if engine == "duckdb":
        with duckdb.connect() as connection:
            found = dict(connection.execute(query).fetchall())
    else:
        server = request.getfixturevalue("postgres_server")
        with psycopg.connect(
            host=server["SETTLE_PG_HOST"],
            port=int(server["SETTLE_PG_PORT"]),
            user=server["SETTLE_PG_USER"],
            password=server["SETTLE_PG_PASSWORD"],
            dbname="postgres",
        ) as other:
            found = dict(other.execute(query.encode()).fetchall())
    assert [(left, right, found.get(number)) for number, (left, right, _) in enumerate(ALIKE)] == list(ALIKE)
