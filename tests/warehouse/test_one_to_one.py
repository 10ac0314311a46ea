"""Pairing without a common key on both engines: against the page's examples, every stroke of luck, and an oracle."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.one_to_one import Entry, Reach, certain_pairs, costs_of, lucky_outcomes
from tests.warehouse.rendered import render

FILES = ("money/money.sql", "reconciliation/one_to_one.sql")
FIRST_DAY = date(2026, 1, 5)
SAME = {"scope": "C", "currency": "CNY", "day": 0}
LIMITS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

# Keys taken together, signed difference and days between; then the rows in doubt.
Result = tuple[set[tuple[str, str, int, int]], set[str]]
Pairing = Callable[[Sequence[Entry], Sequence[Entry], dict[str, Reach]], Result]


@pytest.fixture(params=["duckdb", "postgres"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pairing]:
    """Pairs rows by the macro, on one engine."""
    engine: str = request.param
    connection: Any
    if engine == "duckdb":
        connection = duckdb.connect()
    else:
        server = request.getfixturevalue("postgres_server")
        connection = psycopg.connect(
            host=server["SETTLE_PG_HOST"],
            port=int(server["SETTLE_PG_PORT"]),
            user=server["SETTLE_PG_USER"],
            password=server["SETTLE_PG_PASSWORD"],
            dbname="postgres",
        )

    yield pairing_by(sql_for(engine), connection)
    connection.close()


def sql_for(engine: str) -> str:
    """What the macro writes for an engine."""
    return render(engine, "{{ one_to_one('lefts', 'rights') }}", *FILES)


def pairing_by(sql: str, connection: Any) -> Pairing:
    """Pairs rows by this SQL."""

    def run(lefts: Sequence[Entry], rights: Sequence[Entry], reach: dict[str, Reach]) -> Result:
        allowed = {name: f", {each.amount}, {each.days}" for name, each in reach.items()}
        text = (
            f"with lefts as ({rows_of(lefts, 'amount_tolerance_minor, date_window_days', allowed)}),\n"
            f"rights as ({rows_of(rights, '', {})})\n"
            f"select left_key, right_key, difference_minor, days_apart, finding from ({sql}) as found"
        )
        found = connection.execute(text).fetchall()
        pairs = [row[:4] for row in found if row[4] == "paired"]
        doubtful = [row[0] or row[1] for row in found if row[4] == "ambiguous"]
        assert len(pairs) + len(doubtful) == len(found)
        assert all((row[0] is None) != (row[1] is None) for row in found if row[4] == "ambiguous")
        used = [key for row in pairs for key in row[:2]] + doubtful
        assert len(used) == len(set(used)), f"a row is used twice: {sorted(used)}"
        return set(pairs), set(doubtful)

    return run


def rows_of(entries: Sequence[Entry], more: str, values: dict[str, str]) -> str:
    """The rows as a select of literals; of no rows, one that none passes."""
    columns = "row_key, scope, currency, amount_minor, on_date" + (f", {more}" if more else "")
    nothing = Entry("nobody", "nowhere", "none", 0, 0)
    lines = [
        f"('{each.key}', '{each.scope}', '{each.currency}', cast({each.amount} as bigint), "
        f"cast('{FIRST_DAY + timedelta(days=each.day)}' as date){values.get(each.scope, ', 0, 0' if more else '')})"
        for each in [*entries, nothing]
    ]
    return f"select * from (values {', '.join(lines)}) as entries ({columns}) where row_key <> 'nobody'"


def ours(key: str, amount: int, day: int = 0, scope: str = "C", currency: str = "CNY") -> Entry:
    return Entry(key, scope, currency, amount, day)


REACH = {"C": Reach(5, 3), "D": Reach(0, 0)}


EXAMPLES: dict[str, tuple[list[Entry], list[Entry], set[tuple[str, str, int, int]], set[str]]] = {
    "equal": ([ours("L1", 10000)], [ours("R1", 10000)], {("L1", "R1", 0, 0)}, set()),
    "at_both_limits": ([ours("L1", 10000)], [ours("R1", 10005, 3)], {("L1", "R1", 5, 3)}, set()),
    "the_other_way": ([ours("L1", 10000)], [ours("R1", 9995, -3)], {("L1", "R1", -5, -3)}, set()),
    "one_unit_over": ([ours("L1", 10000)], [ours("R1", 10006)], set(), set()),
    "one_day_over": ([ours("L1", 10000)], [ours("R1", 10000, 4)], set(), set()),
    "on_both_sides_of_zero": ([ours("L1", -3)], [ours("R1", 2)], {("L1", "R1", 5, 0)}, set()),
    "another_currency_or_scope": (
        [ours("L1", 10000)],
        [ours("R1", 10000, currency="USD"), ours("R2", 10000, scope="D")],
        set(),
        set(),
    ),
    "a_scope_of_its_own": ([ours("L1", 10000, scope="D")], [ours("R1", 10000, 1, scope="D")], set(), set()),
    "the_nearest_not_the_most": (
        [ours("L1", 10000), ours("L2", 10003)],
        [ours("R1", 10000), ours("R2", 9997)],
        {("L1", "R1", 0, 0)},
        set(),
    ),
    "the_next_round_takes_what_is_left": (
        [ours("L1", 10000), ours("L2", 10003)],
        [ours("R1", 10001), ours("R2", 10005)],
        {("L1", "R1", 1, 0), ("L2", "R2", 2, 0)},
        set(),
    ),
    "amount_before_days": ([ours("L1", 10000)], [ours("R1", 10001), ours("R2", 10000, 3)], {("L1", "R2", 0, 3)}, set()),
    "two_as_near": ([ours("L1", 10000)], [ours("R1", 10001), ours("R2", 9999)], set(), {"L1", "R1", "R2"}),
    "nothing_tells_them_apart": (
        [ours("L1", 10000), ours("L2", 10000)],
        [ours("R1", 10000), ours("R2", 10000)],
        set(),
        {"L1", "L2", "R1", "R2"},
    ),
    "alike_and_alone": ([ours("L1", 10000), ours("L2", 10000)], [], set(), set()),
    "who_wants_one_of_the_doubtful_is_in_doubt": (
        [ours("L1", 10000), ours("L2", 10000), ours("L3", 10001)],
        [ours("R1", 10000), ours("R2", 10003)],
        set(),
        {"L1", "L2", "L3", "R1", "R2"},
    ),
}


@pytest.mark.parametrize(("lefts", "rights", "pairs", "doubtful"), EXAMPLES.values(), ids=EXAMPLES)
def test_rec_one_to_one(
    pair: Pairing,
    lefts: list[Entry],
    rights: list[Entry],
    pairs: set[tuple[str, str, int, int]],
    doubtful: set[str],
) -> None:
    assert pair(lefts, rights, REACH) == (pairs, doubtful)


entries = st.builds(
    Entry,
    st.just(""),
    st.sampled_from(["C", "D"]),
    st.sampled_from(["CNY", "USD"]),
    st.integers(-3, 6),
    st.integers(0, 4),
)
reaches = st.builds(Reach, st.integers(0, 4), st.integers(0, 3))


def named(side: str, rows: list[Entry]) -> list[Entry]:
    return [Entry(f"{side}{number}", row.scope, row.currency, row.amount, row.day) for number, row in enumerate(rows)]


@LIMITS
@given(
    st.lists(entries, max_size=9), st.lists(entries, max_size=9), reaches, reaches, st.randoms(use_true_random=False)
)
def test_it_is_what_the_oracle_takes_in_any_order_of_rows(
    pair: Pairing, lefts: list[Entry], rights: list[Entry], reach_c: Reach, reach_d: Reach, shuffle: random.Random
) -> None:
    lefts, rights, reach = named("L", lefts), named("R", rights), {"C": reach_c, "D": reach_d}
    taken, doubtful = certain_pairs(costs_of(lefts, rights, reach))
    by_key = {each.key: each for each in [*lefts, *rights]}
    wanted = {
        (left, right, by_key[right].amount - by_key[left].amount, by_key[right].day - by_key[left].day)
        for left, right in taken
    }
    assert pair(lefts, rights, reach) == (wanted, doubtful)
    shuffle.shuffle(lefts)
    shuffle.shuffle(rights)
    assert pair(lefts, rights, reach) == (wanted, doubtful)


few = st.lists(
    st.builds(Entry, st.just(""), st.just("C"), st.just("CNY"), st.integers(0, 4), st.integers(0, 2)), max_size=4
)


@LIMITS
@given(few, few, reaches)
def test_rec_ambiguous_whatever_luck_would_do(
    pair: Pairing, lefts: list[Entry], rights: list[Entry], reach: Reach
) -> None:
    lefts, rights = named("L", lefts), named("R", rights)
    costs = costs_of(lefts, rights, {"C": reach})
    found, doubtful = pair(lefts, rights, {"C": reach})
    pairs = {row[:2] for row in found}
    outcomes = set(lucky_outcomes(costs))
    alone = {each.key for each in [*lefts, *rights]} - doubtful - {key for each in pairs for key in each}
    for outcome in outcomes:
        # Whichever equal comes first: what is taken is taken, and who is left alone is alone.
        assert pairs <= outcome
        assert not alone & {key for each in outcome for key in each}
    if doubtful:
        assert len(outcomes) > 1, "somebody is in doubt though luck decides nothing"
    else:
        assert outcomes == {frozenset(pairs)}


@pytest.mark.parametrize(
    ("old", "new", "noticed_by"),
    [
        (" and coalesce(lead(cost) over of_left > cost, true)", "", "two_as_near"),
        ("count(*) as row_count", "1 as row_count", "nothing_tells_them_apart"),
        ("* (lefts.date_window_days + 1)", "* 1", "amount_before_days"),
        ("or (left_taken = 0 and right_taken = 0)", "", "the_next_round_takes_what_is_left"),
        ("rights.currency = lefts.currency", "true", "another_currency_or_scope"),
        ("<= lefts.date_window_days", "< lefts.date_window_days", "at_both_limits"),
        ("select -1 as step union all select 0", "select 0 as step", "the_other_way"),
    ],
)  # fmt: skip
def test_a_mistake_in_it_is_noticed(old: str, new: str, noticed_by: str) -> None:
    sql = sql_for("duckdb")
    assert old in sql, "the mistake does not fit any more"
    lefts, rights, *wanted = EXAMPLES[noticed_by]
    with duckdb.connect() as connection:
        assert pairing_by(sql, connection)(lefts, rights, REACH) == tuple(wanted)
        assert pairing_by(sql.replace(old, new), connection)(lefts, rights, REACH) != tuple(wanted)
