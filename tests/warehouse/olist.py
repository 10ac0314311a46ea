"""The Olist marketplace as a configuration of its own: sellers settle, one channel, one rule."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path

from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from tests.warehouse.company import CHECKOUT

BATCH_DATE = date(2018, 12, 31)
FILES = {
    "orders": "olist_orders_dataset.csv",
    "order_lines": "olist_order_items_dataset.csv",
    "payments": "olist_order_payments_dataset.csv",
}
TABLES = {
    "channels": "channel_code,channel_name,channel_type,communication_mode\nOLIST,Olist,aggregator,batch_file\n",
    "settlement_models": (
        "model_code,priority,order_type,cycle,calendar_code,roll,billing_rule_codes,charge_bearer,"
        "requires_channel_match,settle_account_kind\nSALE,10,sale,D1,CN,none,COMMISSION,payee,true,bank\n"
    ),
    "billing_rules": (
        "rule_code,fee_type,method,base,ppm,rounding,refund_fee,currency\n"
        "COMMISSION,commission,rate,amount,100000,half_up,true,BRL\n"
    ),
    "reconciliation_rules": (
        "relation,channel_code,grouping,amount_tolerance_minor,date_window_days,buffer_days,auto_fill\n"
        "orders_channel,OLIST,sum,0,0,3,false\n"
    ),
}


def write_olist_config(folder: Path, olist: Path) -> None:
    """Sellers become participants with a bank account each, products are products; the rest stands above."""
    folder.mkdir(parents=True)
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    sellers = column(olist / "olist_sellers_dataset.csv", "seller_id")
    participants = [f"{seller},Seller {seller[:6]},merchant" for seller in sellers]
    accounts = [f"BANK-{seller},{seller},bank,BRL" for seller in sellers]
    products = [
        f"{product},Product {product[:6]}" for product in column(olist / "olist_products_dataset.csv", "product_id")
    ]
    for name, header, rows in (
        ("participants", "participant_id,participant_name,participant_kind", participants),
        ("accounts", "account_no,participant_id,account_kind,currency", accounts),
        ("products", "product_code,product_name", products),
    ):
        (folder / f"{name}.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def column(path: Path, name: str) -> list[str]:
    """One column of a CSV file, as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def load_olist(settings: Settings, olist: Path, config: Path) -> Settings:
    """Load the three files through the templates of the docs; the settings with which they build."""
    examples = CHECKOUT / "docs" / "examples" / "templates"
    here = replace(settings, config_dir=config, template_dirs=(examples, *settings.template_dirs))
    jobs = [FileJob(dataset, olist / name, f"olist_{'order_items' if dataset == 'order_lines' else dataset}")
            for dataset, name in FILES.items()]  # fmt: skip
    reports: list[LoadReport] = []
    load_files(here, jobs, BATCH_DATE, Rejecting(), SilentReporter(), reports)
    assert [report.counts.loaded for report in reports] == [3000, 3397, 3170]
    assert not any(report.counts.rejected or report.counts.repeated for report in reports)
    return here
