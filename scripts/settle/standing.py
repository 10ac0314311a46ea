"""Where everything stands: batches, files, what is built, what is open, what is broken, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from settle.errors import InputError
from settle.explain.rows import Reader

MATERIALIZED = re.compile(r"materialized\s*=\s*['\"](\w+)")
Standing = dict[str, Any]
FILE_COLUMNS = (
    "file_id", "batch_id", "dataset", "template", "file_name", "rows_read", "rows_loaded", "rows_rejected",
    "rows_repeated", "loaded_at",
)  # fmt: skip
RESET_COLUMNS = ("reset_no", "from_batch_id", "up_to_batch_id", "reason", "reset_by", "reset_at")


def standing(reader: Reader) -> Standing:
    """Everything `settle status` shows, as plain lists and numbers; empty lists where nothing is loaded or built."""
    batches = _batches(reader)
    built = [row["batch_id"] for row in batches if row["state"] == "built"]
    last = max(built, default=None)
    result: Standing = {
        "batches": batches,
        "files": reader.rows("raw.load_files", FILE_COLUMNS, order="batch_id, file_id"),
        "resets": resets(reader, built),
        "open_items": _open_items(reader, last),
        "decisions_waiting": _decisions_waiting(reader),
        "exceptions": _exceptions(reader),
        "invariants_broken": _broken(reader),
        "quality": _quality(reader),
        "audit": _audit(reader),
        "untested_batches": _untested(reader, built),
    }
    return {**result, "next_step": next_step(result)}


def built_batches(reader: Reader) -> set[int]:
    """The batches that every batch-by-batch model has built."""
    return {row["batch_id"] for row in _batches(reader) if row["state"] == "built"}


def built_batch(reader: Reader, day: date | None) -> int:
    """The built batch of this date, or the last one. Raises InputError when there is none."""
    built, dates = built_batches(reader), reader.batch_dates()
    if not built:
        raise InputError("no batch is built yet. Load files and build: settle run")
    if day is None:
        return max(built)
    for batch in built:
        if dates[batch] == day:
            return int(batch)
    raise InputError(f"--batch-date: no batch of {day} is built. The last one is of {dates[max(built)]}.")


def resets(reader: Reader, built: Collection[int]) -> list[dict[str, Any]]:
    """Every reset, oldest first, with `waiting_batches`: what it took out and no build has cleared again since.

    `built` are the batches that every model has built. What a later reset took out again had been built before it.
    """
    found = reader.rows("meta.resets", RESET_COLUMNS, order="reset_no")
    for place, reset in enumerate(found):
        reset["waiting_batches"] = [
            batch
            for batch in range(int(reset["from_batch_id"]), int(reset["up_to_batch_id"]) + 1)
            if batch not in built and not any(covers(later, batch) for later in found[place + 1 :])
        ]
    return found


def covers(reset: Mapping[str, Any], batch_id: int) -> bool:
    """Whether a reset took this batch out."""
    return bool(reset["from_batch_id"] <= batch_id <= reset["up_to_batch_id"])


def batch_models(project_dir: Path) -> set[str]:
    """Names of the models that are built batch by batch: those whose SQL says so, or whose folder does.

    The marks in the warehouse cannot tell: a model that has failed in its first batch has none.
    """
    return {name for name, place in model_places(project_dir).items() if place.materialized == "batch_by_batch"}


@dataclass(frozen=True)
class ModelPlace:
    """How a model is materialized and in which schema, without the prefix."""

    materialized: str
    schema: str


def model_places(project_dir: Path) -> dict[str, ModelPlace]:
    """Every model of the project by name, from its SQL and from what dbt_project.yml says of its folders."""
    project = yaml.safe_load((project_dir / "dbt_project.yml").read_text(encoding="utf-8"))
    found = {}
    for file in sorted((project_dir / "models").rglob("*.sql")):
        level: dict[str, Any] = project["models"][project["name"]]
        said = dict(level)
        for folder in file.relative_to(project_dir / "models").parts[:-1]:
            level = level.get(folder) or {}
            said |= level
        own = MATERIALIZED.search(file.read_text(encoding="utf-8"))
        found[file.stem] = ModelPlace(
            own.group(1) if own else str(said.get("+materialized", "view")), str(said.get("+schema", ""))
        )
    return found


def _batches(reader: Reader) -> list[dict[str, Any]]:
    columns = ("batch_id", "batch_date", "opened_at", "closed_at")
    batches = reader.rows("raw.batches", columns, order="batch_id")
    marks = reader.rows("meta.model_batches", ("model_name", "batch_id"))
    models = batch_models(reader.warehouse.settings.project_dir)
    for batch in batches:
        done = len({row["model_name"] for row in marks if row["batch_id"] == batch["batch_id"]} & models)
        batch["models_built"], batch["models_all"] = done, len(models)
        if done and done == len(models):
            batch["state"] = "built"
        elif done or batch["closed_at"] is not None:
            batch["state"] = "partly built"
        else:
            batch["state"] = "open"
    return batches


def _open_items(reader: Reader, batch_id: int | None) -> list[dict[str, Any]]:
    if batch_id is None or not reader.has("reconciliation", "fct_open_items"):
        return []
    schema = reader.warehouse.schema("reconciliation")
    found = reader.warehouse.execute(
        f"select pool, result, count(*), max(age_days) from {schema}.fct_open_items where batch_id = ? "
        "group by pool, result order by pool, result",
        (batch_id,),
    )
    return [dict(zip(("pool", "result", "count", "oldest_days"), row, strict=True)) for row in found]


def _decisions_waiting(reader: Reader) -> list[dict[str, Any]]:
    """Decisions that take effect in the next batch; one about two items is one."""
    columns = ("decision_no", "action", "item_key", "batch_id", "decided_by")
    found = reader.rows(
        "reconciliation.fct_reconciliation_decisions", columns, "state = 'waiting'", order="decision_no, item_key"
    )
    return list({row["decision_no"]: row for row in reversed(found)}.values())[::-1]


def _exceptions(reader: Reader) -> list[dict[str, Any]]:
    """Orders that wait in the exceptions, by reason: each order's last row, unless it has cleared since."""
    if not reader.has("clearing_internal", "int_clearing__lines_sorted"):
        return []
    table = f"{reader.warehouse.schema('clearing_internal')}.int_clearing__lines_sorted"
    found = reader.warehouse.execute(
        "with ranked as ("
        "select order_no, reason_code, "
        "row_number() over (partition by order_no order by batch_id desc, line_no) as place "
        f"from {table} where order_no in (select order_no from {table} where clearing_seq is null)) "
        "select reason_code, count(*) from ranked where place = 1 and reason_code is not null "
        "group by reason_code order by reason_code"
    )
    return [dict(zip(("reason_code", "count"), row, strict=True)) for row in found]


def _broken(reader: Reader) -> list[dict[str, Any]]:
    columns = ("invariant", "batch_id", "failing_rows")
    return reader.rows("quality.rpt_invariants", columns, "not held", order="batch_id, invariant")


def _quality(reader: Reader) -> list[dict[str, Any]]:
    """What the last checkpoint of each batch found: how many expectations, how many stop, warn or are answered for."""
    batches: dict[int, dict[str, Any]] = {}
    columns = ("batch_id", "held", "stops", "accepted_by")
    for row in reader.rows("quality.rpt_data_quality", columns, order="batch_id"):
        found = batches.setdefault(
            row["batch_id"],
            {"batch_id": row["batch_id"], "checked": 0, "stopping": 0, "accepted": 0, "warnings": 0},
        )
        found["checked"] += 1
        if not row["held"]:
            found["stopping" if row["stops"] else "accepted" if row["accepted_by"] else "warnings"] += 1
    return list(batches.values())


def _audit(reader: Reader) -> list[dict[str, Any]]:
    """How many objects under audit stand in which state."""
    if not reader.has("audit", "fct_audit_objects"):
        return []
    found = reader.warehouse.execute(
        f"select object_kind, state, count(*) from {reader.warehouse.schema('audit')}.fct_audit_objects "
        "group by object_kind, state order by object_kind, state"
    )
    return [dict(zip(("object_kind", "state", "count"), row, strict=True)) for row in found]


def _untested(reader: Reader, built: list[int]) -> list[int]:
    tested = {row["batch_id"] for row in reader.rows("meta.tested_batches", ("batch_id",))}
    return [batch_id for batch_id in built if batch_id not in tested]


def next_step(result: Standing) -> str:
    """One sentence: what to do now."""
    waiting = [row for row in result["batches"] if row["state"] != "built"]
    if not result["batches"]:
        return "Nothing is loaded. Load a file: settle load orders FILE"
    if result["invariants_broken"]:
        names = ", ".join(sorted({row["invariant"] for row in result["invariants_broken"]}))
        return f"Stop: {names} broken. Pay nothing before it is found; docs/rules says what each one means."
    stopped = [str(row["batch_id"]) for row in result["quality"] if row["stopping"]]
    if stopped:
        return (
            f"Stop: quality forbids to publish batch {', '.join(stopped)}. What failed and what to do: settle quality"
        )
    if waiting:
        dates = ", ".join(str(row["batch_date"]) for row in waiting)
        return f"Build what is loaded ({dates}): settle run"
    if result["untested_batches"]:
        return "Some batches are built and not tested: settle run"
    errors = sum(row["count"] for row in result["open_items"] if row["pool"] == "error")
    exceptions = sum(row["count"] for row in result["exceptions"])
    if errors or exceptions:
        parts = [f"{errors} items in the error pool"] if errors else []
        parts += [f"{exceptions} orders in the exceptions"] if exceptions else []
        return f"Somebody should look at {' and '.join(parts)}: settle explain ORDER_NO"
    return "All is built, tested and agreed. Load the next day."
