"""Open items: a company's own owners and steps replace the shipped ones, and a calendar that ends stops nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from settle.dbt import run_dbt
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle.worlds import write_config
from tests.rules.examples import Example, worlds_of
from tests.rules.warehouse import WITHOUT_TESTS, load_examples

pytestmark = pytest.mark.postgres_in_campaign

RULES = """relation,result,pool,owner,next_action
order_channel,platform_only,buffer,night shift,"Have tea, then ask."
"""
CALENDAR = """calendar_code,calendar_date,is_business_day
CN,2026-01-05,true
CN,2026-01-06,true
CN,2026-01-07,false
CN,2026-01-08,true
"""
NOBODY = ("nobody", "Add a row for this result and pool to open_item_rules.")


def test_own_rules_and_a_calendar_that_ends(any_home: Settings) -> None:
    example = Example(
        "REC-OPEN",
        "written_here",
        {"reconciliation_rules": [{"buffer_days": "3"}]},
        {"2026-01-05": {"orders": [{"order_no": "A", "amount": "100.00", "channel_code": "C"}]}},
        {},
        {},
        "",
    )
    folder = any_home.warehouse_path.parent
    here = replace(any_home, config_dir=folder / "config", archive_dir=folder / "archive")
    worlds = worlds_of([example])
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    (here.config_dir / "open_item_rules.csv").write_text(RULES, encoding="utf-8")
    (here.config_dir / "business_days.csv").write_text(CALENDAR, encoding="utf-8")
    load_examples(here, worlds, [example], folder / "files")
    outcome = run_dbt(here, ["build", "--exclude-resource-type", *WITHOUT_TESTS], show_progress=False)
    assert outcome.success, "\n".join(outcome.failures)
    with open_warehouse(here, read_only=True) as warehouse:
        rows = warehouse.execute(
            "select age_days, age_business_days, owner, next_action from reconciliation.fct_open_items "
            "order by batch_id"
        )
    own = ("night shift", "Have tea, then ask.")
    # The calendar ends on the 8th; the item is seen on the 9th all the same, and so is that nobody minds errors.
    assert rows[:4] == [(0, 0, *own), (1, 1, *own), (3, 2, *own), (4, None, *NOBODY)]
    assert [row[1] for row in rows[4:]] == [None, None]
