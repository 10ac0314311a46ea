"""Shadow: it says what a reset with that configuration then does, and moves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from settle.settings import Settings
from settle.shadow import shadow, shadow_lines
from settle.warehouse import open_warehouse
from tests.warehouse.company import build
from tests.warehouse.marts import every_row
from tests.warehouse.shop import configure, run_reset, select, shop_config, table_of, told

pytestmark = pytest.mark.postgres_in_campaign

REAL = """
    select participant_id, rule_code, '' as bearer, cast(sum(fee_minor) as bigint)
    from clearing.fct_clearing_details where batch_id >= 2 group by participant_id, rule_code
    union all
    select details.participant_id, grants.rule_code, grants.bearer, cast(sum(grants.granted_minor) as bigint)
    from clearing.fct_fee_allocations as grants
    inner join clearing.fct_clearing_details as details on details.clearing_seq = grants.clearing_seq
    where grants.batch_id >= 2 and grants.is_valid group by details.participant_id, grants.rule_code, grants.bearer
"""


@pytest.fixture
def other(here: Settings) -> Path:
    """A folder with the shop's configuration and a lower rate."""
    folder = here.config_dir.with_name("other-config")
    configure(folder, shop_config(ppm=3_000))
    return folder


def schemas(settings: Settings) -> list[str]:
    found = select(settings, "select distinct schema_name from information_schema.schemata")
    return [str(row[0]) for row in found if str(row[0]).startswith("shadow_")]


def test_reset_shadow_says_what_a_reset_then_does(here: Settings, other: Path) -> None:
    before = every_row(here)
    report = shadow(here, other, 2, keep=False, show_progress=False)
    assert every_row(here) == before, "the shadow moved something"
    assert schemas(here) == []
    names = ("now_minor", "then_minor", "difference_minor")
    found = [
        {
            "participant": row["participant_id"],
            "rule": row["rule_code"],
            "bearer": row.get("bearer", ""),
            **{name: str(row[name]) for name in names},
        }
        for row in [*report.fees, *report.grants]
    ]
    assert found == table_of("RESET-SHADOW")
    assert (report.orders_now, report.orders_then) == (2, 2)
    assert shadow_lines(report)[1:] == [
        "Fees by participant and rule",
        "  M R: 2.00 CNY → 0.60 CNY (-1.40 CNY)",
        "  all fees: 2.00 CNY → 0.60 CNY (-1.40 CNY)",
        "Borne, by participant, rule and bearer",
        "  M R participant: 1.50 CNY → 0.10 CNY (-1.40 CNY)",
        "  all bearers: 2.00 CNY → 0.60 CNY (-1.40 CNY)",
        "Nothing of the real state was changed.",
    ]

    configure(here.config_dir, shop_config(ppm=3_000))
    run_reset(here, 2)
    build(here)
    assert select(here, REAL) == sorted(
        [(row["participant"], row["rule"], row["bearer"], int(row["then_minor"])) for row in found], key=str
    )


def test_what_a_shadow_keeps_the_next_one_drops_and_strangers_it_leaves_alone(here: Settings, other: Path) -> None:
    words = ("shadow", "--config", str(other), "--from-batch", "3")
    code, out, err = told(*words, "--keep", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["fees"] == [
        {
            "participant_id": "M", "rule_code": "R", "currency": "CNY", "now_minor": 100, "then_minor": 30,
            "difference_minor": -70, "now": "1.00 CNY", "then": "0.30 CNY", "difference": "-0.70 CNY",
        }
    ]  # fmt: skip
    # Under the lower rate from batch 3 on only, N has used up its cap in batch 2 as it really did.
    assert [(row["bearer"], row["then_minor"]) for row in report["grants"]] == [
        ("N", 0),
        ("participant", 30),
    ]
    assert set(report["schemas"]) >= set(schemas(here)) > set()
    assert "shadow_clearing" in schemas(here)
    assert select(here, "select count(*) from shadow_clearing.fct_clearing_details") == [(3,)]

    # A configuration that cannot be: nothing of it stays, nor of the shadow before.
    (other / "billing_rules.csv").write_text("rule_code,price\nR,1\n", encoding="utf-8")
    before = {name: rows for name, rows in every_row(here).items() if not name.startswith("shadow_")}
    code, _, err = told(*words)
    assert code == 2, err
    assert f"{other}: the orders cannot be cleared under this configuration." in err
    assert 'column "price" is not one of rule_code' in err
    assert schemas(here) == []
    assert every_row(here) == before

    with open_warehouse(here) as warehouse:
        warehouse.execute("create schema shadow_meta")
        warehouse.execute("create table shadow_meta.model_batches (batch_id bigint)")
    for given, said in (
        (words, "schema shadow_meta is there and is no shadow's: another warehouse has the prefix 'shadow_'"),
        (("shadow", "--config", "nowhere", "--from-batch", "3"), "the folder"),
        (("shadow", "--config", str(other), "--from-batch", "4"), "--from-batch 4: batches 1 to 3 are cleared"),
    ):
        code, _, err = told(*given)
        assert code == 2, err
        assert said in err
    assert schemas(here) == ["shadow_meta"]
