"""Random higher versions of orders: every way to change what may have cleared already."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

from tests.oracle.world_draft import Draft
from tests.oracle.world_rules import Setting

CHANGES = (
    *("amount",) * 4,
    *("status",) * 3,
    *("participant",) * 2,
    *("time",) * 2,
    *("lines",) * 2,
    *("spoiled",) * 2,
    "product",
    "currency",
    "channel",
    "refund",
    "nothing",
)
REFUND_CHANGES = ("amount", "amount", "status", "time", "sale", "nothing")


def higher_versions(setting: Setting, draft: Draft, earlier: list[Draft], batches: int) -> list[Draft]:
    """A draft with the versions that follow it, maybe none; `earlier` are the drafts a refund may name."""
    rng = setting.rng
    drafts = [draft]
    if not setting.chance(0.5 if draft.status != "success" else 0.4):
        return drafts
    second = replace(draft, version=2, batch=rng.randint(draft.batch, batches - 1), status="success")
    changes = REFUND_CHANGES if draft.order_type == "refund" else CHANGES
    drawn = rng.sample(changes, rng.choice((1, 1, 2)))
    for change in drawn:
        second = _changed(setting, second, change, earlier)
    if setting.chance(0.05):
        drafts[0], second = replace(draft, batch=second.batch), replace(second, batch=draft.batch)
    drafts.append(second)
    spoiled = "spoiled" in drawn
    if setting.chance(0.9 if spoiled else 0.4):
        source = draft if spoiled or setting.chance(0.5) else second
        amount = setting.amount() if setting.chance(0.5) and not source.lines else source.amount
        later = rng.randint(second.batch, batches - 1)
        status = rng.choice(("success", "success", "success", "pending", "failed"))
        drafts.append(replace(source, version=3, batch=later, amount=amount, status=status))
    return drafts


def _changed(setting: Setting, draft: Draft, change: str, earlier: list[Draft]) -> Draft:
    rng = setting.rng
    if change == "amount":
        return _other_amount(setting, draft)
    if change == "status":
        return replace(draft, status=rng.choice(("failed", "closed", "pending", "pending")))
    if change == "participant":
        lines = tuple((n, rng.choice(setting.merchants), p, a, t) for n, _, p, a, t in draft.lines)
        return replace(draft, participant_id=rng.choice(setting.merchants + setting.sponsors), lines=lines)
    if change == "time":
        return replace(draft, ordered_at=_other_time(rng, draft.ordered_at))
    if change == "lines":
        if draft.lines:
            return replace(draft, lines=(), amount=setting.amount())
        parts = tuple(
            (n, "", "", setting.amount(), draft.attributes) for n in rng.sample(range(1, 9), rng.randint(1, 3))
        )
        return replace(draft, lines=parts, amount=None)
    if change == "spoiled":
        return replace(draft, product_code=f"{setting.prefix}none")
    if change == "product":
        return replace(draft, product_code=rng.choice(setting.products))
    if change == "currency":
        return replace(draft, currency=rng.choice(setting.currencies))
    if change == "channel":
        return replace(draft, channel_code=rng.choice(["", *setting.channels]))
    if change == "refund":
        original = rng.choice(earlier).order_no if earlier else ""
        return replace(draft, order_type="refund", original_order_no=original)
    if change == "sale":
        return replace(draft, order_type="sale", original_order_no="")
    return draft


def _other_amount(setting: Setting, draft: Draft) -> Draft:
    if not draft.lines:
        near = max(1, draft.total + setting.rng.choice((-1, 1)))
        return replace(draft, amount=near if setting.chance(0.3) else setting.amount())
    lines = tuple((n, who, p, setting.amount(), t) for n, who, p, _, t in draft.lines)
    changed = replace(draft, lines=lines)
    return replace(changed, amount=None if draft.amount is None else changed.total)


def _other_time(rng: random.Random, moment: datetime) -> datetime:
    """Earlier or later, sometimes across the end of a period."""
    return moment + timedelta(days=rng.choice((-40, -2, -1, 0, 1, 2)), hours=rng.choice((-1, 0, 1)))
