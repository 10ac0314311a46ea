"""The demo company's ten business days: ordinary trade by seed, and the planted breaks on top."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from settle.generate.breaks import plant_breaks
from settle.generate.world import World, major, write_world

DEMO_SEED = 20260105
DEMO_DAYS = tuple(date(2026, 1, 5) + timedelta(days=shift) for shift in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11))

ONLINE_SELLERS = ("M001", "M002", "M003")
AMOUNTS = ((990, 9_900), (4_000, 30_000), (15_000, 120_000))


def make_demo(folder: Path, seed: int = DEMO_SEED) -> World:
    """Write the ten days' canonical CSV files and answers.csv into `folder` and return the world behind them."""
    world = World(DEMO_DAYS, seed)
    for day in range(len(DEMO_DAYS)):
        _ordinary_day(world, day)
    plant_breaks(world)
    write_world(world, folder)
    return world


def _ordinary_day(world: World, day: int) -> None:
    """About 70 orders that are paid, cleared and matched on their day; on a Monday also those of the weekend."""
    for _ in range(22):
        _sale(world, day, "ALIPAY", world.random.choice(ONLINE_SELLERS))
    for _ in range(7):
        _sale(world, day, "ALIPAY", "M001", promotion=True)
    for _ in range(16):
        _sale(world, day, "WECHAT", world.random.choice(ONLINE_SELLERS))
    for _ in range(4):
        _sale(world, day, "WECHAT", "M003", product="DIGITAL")
    for _ in range(4 if day < 9 else 0):
        _sale(world, day, "WECHAT", "M004")
    for _ in range(4):
        _sale(world, day, "ALIPAY", "M005", product="SERVICE")
    for _ in range(5):
        _sale(world, day, "OFFLINE", "M001")
    for _ in range(2 if day < 8 else 0):
        _sale(world, day, "ALIPAY", "M001", product="GIFTCARD")
    for _ in range(3):
        _mall_order(world, day)
    for _ in range(4):
        _loan_order(world, day)
    _sale(world, day, "ALIPAY", "M002", currency="JPY")
    for _ in range(2):
        order = world.order(
            day, _amount(world), status=world.random.choice(("failed", "closed")), on=_own_date(world, day)
        )
        if world.random.random() < 0.5:
            world.pay(day, order.order_no, _amount(world), status="failed")


def _own_date(world: World, day: int) -> date:
    """The order's own date: the batch date, or on a Monday one of the three days since Friday."""
    batch_date = world.days[day].batch_date
    if day > 0 and batch_date - world.days[day - 1].batch_date > timedelta(days=1):
        return batch_date - timedelta(days=world.random.randint(0, 2))
    return batch_date


def _amount(world: World) -> int:
    least, most = world.random.choice(AMOUNTS)
    return world.random.randint(least, most)


def _sale(
    world: World,
    day: int,
    channel: str,
    seller: str,
    product: str | None = None,
    currency: str = "CNY",
    promotion: bool = False,
) -> None:
    minor = _amount(world)
    order = world.order(
        day,
        minor,
        product=product or ("GROCERY" if seller == "M002" else "RETAIL"),
        participant=seller,
        channel=channel,
        currency=currency,
        on=_own_date(world, day),
        attributes={"promotion": "SPRING"} if promotion else None,
    )
    if channel == "WECHAT" and world.random.random() < 0.15:
        # WeChat's lines of one order add up; the channel still charges its fee on the whole.
        first = minor // 3
        whole = world.pay(day, order.order_no, first, channel=channel, currency=currency, fee_of=(minor,))
        world.pay(day, whole.order_no, minor - first, channel=channel, currency=currency, fee=0)
    else:
        world.pay(day, order.order_no, minor, channel=channel, currency=currency)


def _mall_order(world: World, day: int) -> None:
    """One basket with goods of two or three sellers: it clears line by line."""
    sellers = world.random.sample(ONLINE_SELLERS, world.random.randint(2, 3))
    lines = [(seller, "GROCERY" if seller == "M002" else "RETAIL", _amount(world)) for seller in sellers]
    parts = [minor for _, _, minor in lines]
    total = sum(parts)
    header = total if world.random.random() < 0.5 else None
    order = world.order(day, header, lines=lines, product="", on=_own_date(world, day))
    world.pay(day, order.order_no, total, fee_of=parts)


def _loan_order(world: World, day: int) -> None:
    """A subscription of the SPV's loan product, or a repayment: without a channel, so any channel's line is theirs."""
    draw = world.random
    channel = draw.choice(("ALIPAY", "WECHAT"))
    if draw.random() < 0.7:
        minor = draw.randint(10, 500) * 10_000
        order = world.order(
            day,
            minor,
            order_type="subscription",
            product="LOAN1",
            participant="SPV1",
            channel="",
            on=_own_date(world, day),
        )
    else:
        principal, interest = draw.randint(20_000, 300_000), draw.randint(500, 9_000)
        minor = principal + interest
        order = world.order(
            day,
            minor,
            order_type="repayment",
            product="LOAN1",
            participant="SPV1",
            channel="",
            on=_own_date(world, day),
            attributes={"principal": major(principal), "interest": major(interest)},
        )
    world.pay(day, order.order_no, minor, channel=channel)
