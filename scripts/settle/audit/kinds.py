"""What may be under audit: for each kind where its rows are, which column names it, and what of it is frozen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from settle.audit.chain import content_hash
from settle.errors import InputError
from settle.explain.rows import Reader

AT_ONCE = 500


@dataclass(frozen=True)
class Kind:
    """`frozen` names the columns that are hashed; empty: all but those of `moving`."""

    name: str
    schema: str
    table: str
    key: str
    frozen: tuple[str, ...] = ()
    moving: tuple[str, ...] = ("state",)


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "bill", "settlement", "fct_settlement_bills", "bill_no",
            ("bill_no", "batch_id", "batch_date", "participant_id", "account_no", "currency", "model_code",
             "settlement_date", "entry_count", "gross_minor", "refund_minor", "fee_minor", "charge_minor",
             "adjustment_minor", "carried_in_minor", "carried_out_minor", "net_minor"),
        ),
        Kind(
            "payout_file", "settlement", "fct_payout_instructions", "file_no",
            ("file_no", "instruction_no", "bill_no", "participant_id", "account_no", "currency", "amount_minor"),
        ),
        # Files are numbered anew where a warehouse is made again from them; texts may be worded better.
        Kind("spv_report_out", "spv", "rpt_spv_out", "report_no", moving=("state", "error_text", "file_id")),
        Kind("spv_report_in", "spv", "rpt_spv_in", "report_no", moving=("state", "error_text", "file_id")),
    )
}  # fmt: skip


def contents(reader: Reader, kind_name: str, object_ids: Iterable[str]) -> dict[str, str]:
    """AUDIT-FREEZE: the hash of what each object holds now; one that is not there has none.

    Raises InputError for a kind that nobody knows, and where the mart of a kind is not built.
    """
    kind = KINDS.get(kind_name)
    if kind is None:
        raise InputError(f"{kind_name} is no kind of object. Use one of {', '.join(KINDS)}.")
    if not reader.has(kind.schema, kind.table):
        raise InputError(
            f"{kind_name}: there is no {kind.schema}.{kind.table} in this warehouse, so none can be put under audit. "
            "Nothing was written. Build first: settle run"
        )
    columns = kind.frozen or _columns(reader, kind)
    wanted = list(dict.fromkeys(object_ids))
    found: dict[str, str] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        where = f"{kind.key} in ({', '.join('?' * len(some))})"
        rows: dict[str, list[dict[str, object]]] = {}
        for row in reader.rows(f"{kind.schema}.{kind.table}", columns, where, some):
            rows.setdefault(str(row[kind.key]), []).append(row)
        found |= {object_id: content_hash(held) for object_id, held in rows.items()}
    return found


def _columns(reader: Reader, kind: Kind) -> tuple[str, ...]:
    names = reader.warehouse.execute(
        "select column_name from information_schema.columns where table_schema = ? and table_name = ? order by 1",
        (reader.warehouse.schema(kind.schema), kind.table),
    )
    return tuple(str(name) for (name,) in names if name not in kind.moving)
