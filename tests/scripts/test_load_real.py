"""Real files give the answers they are known to have, the refusals included."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from settle.settings import Settings
from tests.conftest import CHECKOUT
from tests.scripts.loading import counts, loaded, refused, rows

pytestmark = pytest.mark.real_data


@pytest.fixture
def example_templates(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The templates of docs, as a user's own."""
    monkeypatch.setenv("SETTLE_TEMPLATES", str(CHECKOUT / "docs" / "examples" / "templates"))


@pytest.mark.usefixtures("example_templates")
def test_olist(any_settings: Settings, real_data: Path) -> None:
    loaded("orders", str(real_data / "olist" / "olist_orders_dataset.csv"))
    loaded("order_lines", str(real_data / "olist" / "olist_order_items_dataset.csv"))
    loaded("payments", str(real_data / "olist" / "olist_order_payments_dataset.csv"))
    assert rows(any_settings, "select rows_read, rows_loaded from raw.load_files order by file_id") == [
        (3000, 3000),
        (3397, 3397),
        (3170, 3170),
    ]
    assert rows(any_settings, "select sum(amount) from raw.order_lines") == [(Decimal("461323.9400"),)]
    assert rows(any_settings, "select sum(amount) from raw.payments") == [(Decimal("468087.3700"),)]
    assert rows(any_settings, "select status, count(*) from raw.orders group by 1 order by 1") == [
        ("closed", 41),
        ("success", 2959),
    ]


@pytest.mark.usefixtures("example_templates")
def test_olist_damaged(any_settings: Settings, real_data: Path) -> None:
    folder = real_data / "olist_damaged"
    loaded("orders", str(folder / "dirty_suhani_olist_orders_dataset.csv.gz"))
    loaded("payments", str(folder / "dirty_suhani_olist_order_payments_dataset.csv.gz"))
    found = rows(
        any_settings,
        "select rows_loaded + rows_repeated + rows_rejected, rows_blank, rows_read from raw.load_files order by 2",
    )
    assert found == [(9_999, 89_442, 9_999), (9_998, 93_850, 9_998)]
    assert sum(found[0][:2]) == 99_441
    assert sum(found[1][:2]) == 103_848


def test_wechat(any_settings: Settings, real_data: Path) -> None:
    folder = real_data / "statements" / "wechat"
    summary = loaded("payments", str(folder / "tradebill_all_20210128.csv"))
    assert "3 rows read = 3 loaded" in summary and "its totals agree: 总交易单数 3, 应结订单总金额 0.03" in summary
    found = (
        "select sum(amount), count(*), min(order_no), min(channel_txn_no) from raw.payments where txn_type = 'payment'"
    )
    assert rows(any_settings, found) == [
        (Decimal("0.0300"), 3, "S20210128153505214586", "4200000910202101282955148400")
    ]
    before = counts(any_settings)
    refusal = folder / "tradebill_refund_trailer_disagrees.csv"
    told = refused("payments", str(refusal)).splitlines()
    assert told[0] == f'{refusal}:4: the trailer declares "总交易单数" 4, found 1.'
    assert told[-1] == "Nothing was loaded. The file is not complete or was changed: fetch it again."
    assert counts(any_settings) == before


def test_alipay(any_settings: Settings, real_data: Path) -> None:
    folder = real_data / "statements" / "alipay"
    summary = loaded("payments", str(folder / "business_detail_empty_day.csv"))
    assert "0 rows read = 0 loaded" in summary and "template alipay_business_detail" in summary
    wrong = folder / "business_detail_bad_refund_sign_gbk.csv"
    assert refused("payments", str(wrong)).splitlines()[0] == (
        f"{wrong}:8: column \"商家实收（元）\": '0.02' is positive; this column of a row of kind refund has a minus "
        "sign. Ask for a correct file."
    )
    assert counts(any_settings) == (1, 0, 0)
