"""The configuration of the reference day: 5,000 participants, 20 products, and four shapes of how a fee is shared."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PARTICIPANTS = 5_000
PRODUCTS = 20
CHANNELS = ("ALIPAY", "WECHAT", "UNIONPAY", "CARD_A", "CARD_B", "BANK")
LEAST_MINOR = 100
MOST_MINOR = 200_000
# Parts of 100,000 orders that are not successful.
UNSUCCESSFUL = 3_000
MILLION = 1_000_000
# The products of the plain shape whose rules have caps that are reached half-way through each batch.
BINDING_PRODUCTS = (1, 2)
WIDE_CAP_MINOR = 10**15


class Shape(StrEnum):
    """How the fees of the day are shared."""

    PLAIN = "plain"
    """Between two bearers with caps, which bind for two of the products, and a residual one."""
    LEVELS = "levels"
    """The same with caps that bind for all products, and the first bearer's part shared once more in the same way."""
    RATIO = "ratio"
    """Between four bearers whose caps are reached one after the other, and a residual one that takes what is over."""
    REDISTRIBUTE = "redistribute"
    """The same bearers; what is over is shared again among those that have room."""


@dataclass(frozen=True)
class Bearer:
    """One row of allocation_bearers without its rule: `cap_minor` is empty where the bearer has none."""

    level: int
    parent: str
    name: str
    priority: int
    ppm: int
    cap_minor: int | None
    cap_period: str
    is_residual: bool


def fee_rule(product: int) -> tuple[str, int, int | None]:
    """Method, ppm and fixed minor units of a product's rule: every fifth adds a fixed amount."""
    ppm = 10_000 + 1_000 * product
    return ("rate_plus_fixed", ppm, 10) if product % 5 == 0 else ("rate", ppm, None)


def taken_in_a_batch(orders: int, product: int, ppm: int) -> int:
    """About what a bearer with this share takes of a batch's fees without a cap, in minor units."""
    _, rate_ppm, _ = fee_rule(product)
    per_product = orders * (100_000 - UNSUCCESSFUL) // 100_000 // PRODUCTS
    mean_minor = (LEAST_MINOR + MOST_MINOR) // 2
    return per_product * mean_minor * rate_ppm // MILLION * ppm // MILLION


def bearers(orders: int, product: int, shape: Shape) -> list[Bearer]:
    """The bearers of a product's fee. Caps that bind are per day, so every batch does the same work."""
    if shape in (Shape.RATIO, Shape.REDISTRIBUTE):
        four = ((1, "first", 300_000), (2, "second", 250_000), (3, "third", 200_000), (4, "fourth", 150_000))
        caps = [taken_in_a_batch(orders, product, ppm) * priority // 5 for priority, _, ppm in four]
        return _capped(1, "", four, caps, "reserve")
    shares = ((1, "platform", 500_000), (2, "brand", 300_000))
    if shape == Shape.PLAIN and product not in BINDING_PRODUCTS:
        return _capped(1, "", shares, [WIDE_CAP_MINOR] * 2, "reserve", "lifetime")
    caps = [taken_in_a_batch(orders, product, ppm) // 2 for _, _, ppm in shares]
    found = _capped(1, "", shares, caps, "reserve")
    if shape == Shape.LEVELS:
        below = ((1, "mall", 500_000), (2, "supplier", 300_000))
        found += _capped(2, "platform", below, [caps[0] * ppm // MILLION // 2 for _, _, ppm in below], "lender")
    return found


def _capped(
    level: int,
    parent: str,
    shares: Sequence[tuple[int, str, int]],
    caps: Sequence[int],
    residual: str,
    period: str = "day",
) -> list[Bearer]:
    """Bearers of these shares (priority, name, ppm) with their caps, and the one that takes what is left."""
    found = [
        Bearer(level, parent, name, priority, ppm, max(1, cap), period, is_residual=False)
        for (priority, name, ppm), cap in zip(shares, caps, strict=True)
    ]
    left = MILLION - sum(ppm for _, _, ppm in shares)
    return [*found, Bearer(level, parent, residual, len(shares) + 1, left, None, "", is_residual=True)]


def write_config(orders: int, folder: Path, shape: Shape = Shape.PLAIN) -> None:
    """Write the configuration of a day of so many orders as CSV files into `folder`."""
    products = range(1, PRODUCTS + 1)
    overflow = "redistribute" if shape == Shape.REDISTRIBUTE else "residual"
    write_parties(folder)
    write_seed(
        folder,
        "settlement_models",
        "model_code,priority,order_type,product_code,cycle,calendar_code,roll,billing_rule_codes,charge_bearer,"
        "requires_channel_match,requires_spv_match,requires_approval,settle_account_kind,valid_from",
        [
            (
                f"MODEL{product:02d}",
                10,
                "sale",
                f"P{product:02d}",
                "T1",
                "CN",
                "none",
                f"RULE{product:02d}",
                "payee",
                "true",
                "false",
                "false",
                "bank",
                "2025-01-01",
            )
            for product in products
        ],
    )
    write_seed(
        folder,
        "billing_rules",
        "rule_code,fee_type,method,base,ppm,fixed_minor,rounding,refund_fee,allocation_rule_code,valid_from",
        [
            (
                f"RULE{product:02d}",
                "commission",
                fee_rule(product)[0],
                "amount",
                fee_rule(product)[1],
                fee_rule(product)[2],
                "half_up",
                "true",
                f"SPLIT{product:02d}",
                "2025-01-01",
            )
            for product in products
        ],
    )
    write_seed(
        folder,
        "allocation_rules",
        "allocation_rule_code,level,parent_bearer,method,overflow",
        sorted(
            {
                (f"SPLIT{product:02d}", bearer.level, bearer.parent, "ratio", overflow)
                for product in products
                for bearer in bearers(orders, product, shape)
            }
        ),
    )
    write_seed(
        folder,
        "allocation_bearers",
        "allocation_rule_code,level,parent_bearer,bearer,priority,ppm,fixed_minor,cap_minor,cap_period,is_residual",
        [
            (
                f"SPLIT{product:02d}",
                bearer.level,
                bearer.parent,
                bearer.name,
                bearer.priority,
                bearer.ppm,
                "",
                "" if bearer.cap_minor is None else bearer.cap_minor,
                bearer.cap_period,
                str(bearer.is_residual).lower(),
            )
            for product in products
            for bearer in bearers(orders, product, shape)
        ],
    )
    write_seed(
        folder,
        "reconciliation_rules",
        "relation,channel_code,grouping,amount_tolerance_minor,date_window_days,buffer_days,auto_fill",
        [("orders_channel", code, "single", 0, 0, 3, "false") for code in CHANNELS],
    )


def write_parties(folder: Path) -> None:
    """Write participants, their accounts, products and channels, which every configuration of the benchmark shares."""
    folder.mkdir(parents=True, exist_ok=True)
    members = [f"M{number:05d}" for number in range(1, PARTICIPANTS + 1)]
    write_seed(
        folder,
        "participants",
        "participant_id,participant_name,participant_kind,parent_participant_id",
        [(member, f"Merchant {member}", "merchant", "") for member in members],
    )
    write_seed(
        folder,
        "accounts",
        "account_no,participant_id,account_kind,currency",
        [(f"{member}-CNY", member, "bank", "CNY") for member in members],
    )
    write_seed(
        folder,
        "products",
        "product_code,product_name,spv_code",
        [(f"P{product:02d}", f"Product {product}", "") for product in range(1, PRODUCTS + 1)],
    )
    write_seed(
        folder,
        "channels",
        "channel_code,channel_name,channel_type,communication_mode",
        [(code, code.title(), "wallet", "batch_file") for code in CHANNELS],
    )


def write_seed(folder: Path, name: str, header: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Write one table of the configuration; `header` names its columns, separated by commas."""
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
