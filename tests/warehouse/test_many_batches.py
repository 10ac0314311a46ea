"""A warehouse that has seen ten thousand batches clears the next one like the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.warehouse.company import build, configured
from tests.warehouse.shop import DAYS, configure, shop, shop_config
from tests.warehouse.test_oracle_agrees import load

pytestmark = pytest.mark.postgres_in_campaign

LAST_SO_FAR = 9_999
GRANTED = """
    select allocations.batch_id, allocations.order_no, details.fee_minor, allocations.granted_minor
    from clearing.fct_fee_allocations as allocations
    inner join clearing.fct_clearing_details as details on details.clearing_seq = allocations.clearing_seq
    where allocations.bearer = 'N' order by 1
"""


def test_fees_and_grants_of_a_late_batch(any_home: Settings, tmp_path: Path) -> None:
    here = configured(any_home)
    configure(here.config_dir, shop_config())
    with open_warehouse(here) as warehouse:
        warehouse.ensure_raw_tables()
        with warehouse.transaction():
            warehouse.execute(
                "insert into raw.batches (batch_id, batch_date, opened_at, closed_at) values (?, ?, ?, null)",
                (LAST_SO_FAR, DAYS[0].replace(day=4), datetime(2026, 1, 4)),
            )
    load(here, [replace(shop(), batches=shop().batches[:2])], tmp_path)
    build(here)
    with open_warehouse(here, read_only=True) as warehouse:
        assert list(warehouse.execute(GRANTED)) == [
            (LAST_SO_FAR + 1, "A", 100, 100),
            (LAST_SO_FAR + 2, "B", 100, 50),
        ]
