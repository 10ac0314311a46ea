"""What changed in reconciliation between the close of one batch and the close of a later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from settle.errors import InputError
from settle.explain.rows import Reader
from settle.explain.tree import money

MOST_ITEMS_TOLD = 50
OPEN = ("buffer", "error")


@dataclass(frozen=True)
class ItemChange:
    """An item that stands otherwise at the later batch; `was` fields are empty where the item was not there yet.

    Amounts are minor units of `currency`; a difference is theirs less ours, empty where the currencies differ.
    """

    relation: str
    item_key: str
    channel_code: str
    order_no: str
    currency: str | None
    kind: str
    was_result: str | None
    was_pool: str | None
    was_difference_minor: int | None
    result: str
    pool: str
    left_minor: int | None
    right_minor: int | None
    difference_minor: int | None
    mismatched_fields: str | None


@dataclass(frozen=True)
class Changes:
    """All that changed: `counts` has one row per kind, currency, result before and result now; `items` the single ones.

    Items that came and matched at once are counted and not listed: they are nearly all.
    """

    from_batch: int
    to_batch: int
    counts: list[dict[str, Any]]
    items: list[ItemChange]

    def as_dict(self) -> dict[str, Any]:
        """The changes for programs; amounts in minor units."""
        return {
            "from_batch": self.from_batch,
            "to_batch": self.to_batch,
            "counts": self.counts,
            "items": [asdict(item) for item in self.items],
        }


def changes(reader: Reader, from_batch: int, to_batch: int) -> Changes:
    """What stands otherwise at the close of `to_batch` than at the close of `from_batch`; 0 is before the first batch.

    Raises InputError when a batch is not built or the order of the two is wrong.
    """
    built = {row["batch_id"] for row in reader.rows("quality.rpt_invariants", ("batch_id",))}
    for name, number in (("--from-batch", from_batch), ("--to-batch", to_batch)):
        if number not in built and not (number == 0 and name == "--from-batch"):
            shown = f"{min(built)} to {max(built)}" if built else "none yet; `settle run` builds what is loaded"
            raise InputError(f"{name} {number}: this batch is not built. Built batches: {shown}.")
    if from_batch >= to_batch:
        raise InputError(f"--from-batch {from_batch} must be before --to-batch {to_batch}.")
    schema = reader.warehouse.schema("reconciliation")
    sql = _SQL.format(periods=f"{schema}.fct_item_periods")
    parameters = (from_batch, to_batch, to_batch, from_batch, from_batch, to_batch)
    counted = reader.warehouse.execute(_COUNTS.format(changed=sql), parameters)
    names = ("kind", "currency", "was_result", "was_pool", "result", "pool", "count", "left_minor", "right_minor")
    counts = [{**dict(zip(names, row, strict=True)), **_whole(row, names)} for row in counted]
    listed = reader.warehouse.execute(
        f"select * from ({sql}) as changed where kind <> 'matched at once' order by relation, item_key", parameters
    )
    return Changes(from_batch, to_batch, counts, [ItemChange(*row) for row in listed])


def kinds() -> dict[str, str]:
    """Every kind of change and what it says, in the order they are told."""
    return {
        "regressed": "was matched or closed by a decision, and is open now",
        "opened": "came and is open",
        "moved": "is still open, in another pool or with another result",
        "amounts changed": "stands as before, with other amounts",
        "resolved": "was open, and is matched now or closed by a decision",
        "matched at once": "came and is matched",
    }


def change_lines(found: Changes, exponents: Mapping[str, int]) -> list[str]:
    """The changes as text for a person, what needs one first."""
    told = [f"From the close of batch {found.from_batch} to the close of batch {found.to_batch}"]
    if not found.counts:
        return [*told, "  nothing changed"]
    for kind, meaning in kinds().items():
        counted = [row for row in found.counts if row["kind"] == kind]
        if not counted:
            continue
        told.append(f"{kind}: {sum(row['count'] for row in counted)} ({meaning})")
        for row in counted:
            before = f"{_stood(row['was_result'], row['was_pool'])} → " if row["was_result"] else ""
            ours, theirs = (money(row[name], row["currency"], exponents) for name in ("left_minor", "right_minor"))
            stands = _stood(row["result"], row["pool"])
            told.append(f"  {row['count']:>9}  {before}{stands}, ours {ours}, theirs {theirs}")
    if found.items:
        told.append("Items")
    for item in found.items[:MOST_ITEMS_TOLD]:
        before = f"{_stood(item.was_result, item.was_pool)} → " if item.was_result else ""
        difference = money(item.difference_minor, item.currency, exponents)
        told.append(
            f"  {item.item_key}  {item.kind}: {before}{_stood(item.result, item.pool)}, difference {difference}"
        )
    if len(found.items) > MOST_ITEMS_TOLD:
        told.append(f"  and {len(found.items) - MOST_ITEMS_TOLD} more; --json has all of them")
    return told


def _stood(result: str | None, pool: str | None) -> str:
    return f"{result} ({pool} pool)" if pool in OPEN else str(result)


def _whole(row: tuple[Any, ...], names: tuple[str, ...]) -> dict[str, int]:
    """The counts and sums of a row as whole numbers: engines give decimals for sums."""
    return {
        name: int(value)
        for name, value in zip(names, row, strict=True)
        if name in ("count", "left_minor", "right_minor") and value is not None
    }


# A period that ends between the two batches is how an item stood; one that begins between them and reaches beyond the
# later is how it stands. Whoever has neither did not change.
_SQL = """
select
    now.relation, now.item_key, now.channel_code, now.order_no, now.currency,
    case
        when was.item_key is null and now.pool = 'none' then 'matched at once'
        when was.item_key is null then 'opened'
        when was.pool = 'none' and now.pool <> 'none' then 'regressed'
        when was.pool <> 'none' and now.pool = 'none' then 'resolved'
        when was.result is distinct from now.result or was.pool is distinct from now.pool then 'moved'
        else 'amounts changed'
    end as kind,
    was.result as was_result, was.pool as was_pool, was.difference_minor as was_difference_minor,
    now.result, now.pool, now.left_minor, now.right_minor, now.difference_minor, now.mismatched_fields
from (
    select * from {periods}
    where from_batch_id > ? and from_batch_id <= ? and (until_batch_id is null or until_batch_id > ?)
) as now
left join (
    select * from {periods}
    where from_batch_id <= ? and until_batch_id > ? and until_batch_id <= ?
) as was on was.relation = now.relation and was.item_key = now.item_key
where
    was.item_key is null
    or was.result is distinct from now.result or was.pool is distinct from now.pool
    or was.left_minor is distinct from now.left_minor or was.right_minor is distinct from now.right_minor
    or was.currency is distinct from now.currency
"""
_COUNTS = """
select kind, currency, was_result, was_pool, result, pool, count(*), sum(left_minor), sum(right_minor)
from ({changed}) as changed
group by kind, currency, was_result, was_pool, result, pool
order by kind, currency, was_result, was_pool, result, pool
"""
