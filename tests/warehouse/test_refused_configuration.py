"""Prices that cannot be right stop the build before anything is cleared, each by a test that says what is wrong."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

from settle.dbt import DbtOutcome, run_dbt
from settle.settings import Settings

HEADERS = {
    "billing_tiers": "rule_code,tier_no,from_minor,to_minor,ppm,flat_minor,valid_from,valid_to",
    "billing_rules": (
        "rule_code,fee_type,method,accumulate_period,min_minor,max_minor,ppm,package_size_minor,valid_from,valid_to"
    ),
    "fx_rates": "rate_date,from_currency,to_currency,rate",
    "contracts": "contract_no,participant_id,model_code,currency,valid_from,valid_to",
    "allocation_rules": "allocation_rule_code,level,parent_bearer,method,overflow",
    "allocation_bearers": (
        "allocation_rule_code,level,parent_bearer,bearer,priority,ppm,cap_minor,cap_period,is_residual,valid_from,valid_to"
    ),
    "settlement_models": (
        "model_code,priority,cycle,roll,calendar_code,billing_rule_codes,combination,allocation_rule_code"
    ),
}
# Per test, the rows that it must count one failing row for each.
REFUSED: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "assert_billing_tiers_are_complete": (
        "billing_tiers",
        (
            ("OVERLAP,1,0,100,1,0,,", "OVERLAP,2,99,,1,0,,"),
            # From the sixth on a third tier lies in the open second one.
            ("FROM-ONE-DATE,1,0,100,1,0,,", "FROM-ONE-DATE,2,100,,1,0,,", "FROM-ONE-DATE,3,200,,1,0,2026-01-06,"),
            ("DOWNWARDS,2,0,100,1,0,,", "DOWNWARDS,1,100,,1,0,,"),
            ("NO-WIDTH,1,100,100,1,0,,",),
            ("NEGATIVE,1,0,,-1,0,,",),
            ("NO-DATE,1,0,,1,0,2026-01-06,2026-01-06",),
        ),
    ),
    "stg_config__billing_tiers__no_tier_twice_on_a_date": (
        "billing_tiers",
        (("TWICE,1,0,10,1,0,,", "TWICE,1,10,,2,0,,"),),
    ),
    "stg_config__billing_rules__cumulative_rules_have_a_period": (
        "billing_rules",
        (
            ("R1,commission,cumulative_volume,,,,,,,",),
            ("R2,commission,cumulative_graduated,,,,,,,",),
        ),
    ),
    "stg_config__billing_rules__accumulate_period_is_known": (
        "billing_rules",
        (("R3,commission,cumulative_volume,week,,,,,,",),),
    ),
    "stg_config__billing_rules__method_is_known": (
        "billing_rules",
        (("R4,commission,cumulative,month,,,,,,",),),
    ),
    "assert_billing_rules_can_be_priced": (
        "billing_rules",
        (
            ("LIMITS,commission,rate,,51,50,1,,2026-01-05,",),
            ("BELOW-NOTHING,commission,rate,,,,-1,,,",),
            ("NO-PACKAGE,commission,package,,,,,,,",),
            ("EMPTY-PACKAGE,commission,package,,,,,0,,",),
        ),
    ),
    "stg_config__fx_rates__rate_is_above_nothing": (
        "fx_rates",
        (("2026-01-01,CNY,USD,0.00",),),
    ),
    "stg_config__fx_rates__rate_is_a_plain_decimal": (
        "fx_rates",
        (
            ("2026-01-02,CNY,USD,1e-2",),
            ("2026-01-03,CNY,USD,0.1234567890123",),
            ("2026-01-04,CNY,USD,1234567",),
            ("2026-01-05,CNY,USD,-1",),
        ),
    ),
    "stg_config__fx_rates__one_rate_per_day_and_pair": (
        "fx_rates",
        (("2026-01-06,CNY,USD,1", "2026-01-06,CNY,USD,2"),),
    ),
    "assert_contracts_have_one_currency": (
        "contracts",
        (
            ("K,M,S,CNY,,2026-01-06", "K,M,S,JPY,2026-01-06,"),
            ("L,M,S,CNY,,2026-01-06", "L,M,S,,2026-01-06,"),
        ),
    ),
}
TOLD = """\
test assert_billing_rules_can_be_priced (tests/invariants/assert_billing_rules_can_be_priced.sql): 4 failing rows
    BELOW-NOTHING has a rate or an amount below 0
    EMPTY-PACKAGE needs a package_size_minor of 1 or more
    LIMITS 2026-01-05 has a min_minor of 51, above its max_minor of 50
    NO-PACKAGE needs a package_size_minor of 1 or more
    Mend billing_rules.csv: no fee is at least the minimum and at most the maximum if the minimum is larger."""
ACCEPTED = {
    "billing_tiers": ("R,1,0,100,1,0,,", "R,2,100,,1,0,,2026-01-06", "R,2,150,,1,0,2026-01-06,"),
    "billing_rules": (
        "R,commission,cumulative_volume,month,,,,,,",
        "S,commission,rate,,50,50,0,,,",
        "T,commission,package,,,0,,1,,",
    ),
    "fx_rates": ("2026-01-05,CNY,USD,0.000000000001", "2026-01-05,CNY,JPY,999999"),
    "contracts": ("K,M,S,,,2026-01-06", "K,M,S,,2026-01-06,", "L,M,S,JPY,,"),
}


def refused(settings: Settings, tables: dict[str, list[str]]) -> DbtOutcome:
    """The outcome of the tests of the configuration. Nothing behind the configuration is selected."""
    config = settings.warehouse_path.parent / "refused-config"
    shutil.copytree(settings.project_dir / "seeds" / "config", config, dirs_exist_ok=True)
    for table, rows in tables.items():
        (config / f"{table}.csv").write_text("\n".join([HEADERS[table], *rows, ""]), encoding="utf-8")
    here = replace(settings, config_dir=config)
    selected = ["resource_type:seed", "models/staging/config", "contracts"]
    return run_dbt(here, ["build", "--indirect-selection", "cautious", "--select", *selected], show_progress=False)


def failing_rows(outcome: DbtOutcome) -> dict[str, int]:
    """Failing rows of each test that failed."""
    found = [re.match(r"test (\w+) .*: (\d+) failing", failure) for failure in outcome.failures]
    assert all(found), outcome.failures
    return {match[1]: int(match[2]) for match in found if match}


def test_prices_that_cannot_be_right_are_refused(home: Settings) -> None:
    tables: dict[str, list[str]] = {table: [] for table in HEADERS}
    for table, cases in REFUSED.values():
        tables[table] += [row for case in cases for row in case]
    expected = {name: len(cases) for name, (_, cases) in REFUSED.items()}
    outcome = refused(home, tables)
    assert failing_rows(outcome) == expected
    assert outcome.exit_code == 2
    told = [failure for failure in outcome.failures if "assert_billing_rules_can_be_priced" in failure]
    assert told == [TOLD]


def test_prices_that_can_be_right_are_accepted(home: Settings) -> None:
    outcome = refused(home, {table: list(rows) for table, rows in ACCEPTED.items()})
    assert failing_rows(outcome) == {}


# Each split as its rules, its bearers, and the problems that the build tells of it.
SPLITS: dict[str, tuple[tuple[str, ...], tuple[str, ...], int]] = {
    "right": (
        ("A,1,,ratio,redistribute", "A,2,x,sequence,"),
        (
            "A,1,,x,1,500000,,,false,,2026-01-06",
            "A,1,,x,1,300000,,,false,2026-01-06,",
            "A,1,,y,2,500000,,,true,,2026-01-06",
            "A,1,,y,2,700000,,,true,2026-01-06,",
            "A,2,x,z,1,,,,true,2026-01-06,",
        ),
        0,
    ),
    "shares are missing from a day on": (
        ("B,1,,ratio,",),
        ("B,1,,x,1,500000,,,false,,2026-01-06", "B,1,,x,1,400000,,,false,2026-01-06,", "B,1,,y,2,500000,,,true,,"),
        1,
    ),
    "nobody from a day on": (("C,1,,sequence,",), ("C,1,,x,1,,,,true,,2026-01-06",), 1),
    "no residual": (("D,1,,sequence,",), ("D,1,,x,1,,10,month,false,,",), 1),
    "two residuals": (("E,1,,sequence,",), ("E,1,,x,1,,,,true,,", "E,1,,y,2,,,,true,,"), 1),
    "one priority twice": (("F,1,,sequence,",), ("F,1,,x,1,,10,month,false,,", "F,1,,y,1,,,,true,,"), 1),
    "redistributed without shares": (("H,1,,sequence,redistribute",), ("H,1,,x,1,,,,true,,",), 1),
    "children of nobody": (
        ("K,1,,sequence,", "K,2,z,sequence,"),
        ("K,1,,x,1,,,,true,,", "K,2,z,y,1,,,,true,,"),
        1,
    ),
}


def test_alloc_complete_refuses_splits_that_lose_or_invent_money(home: Settings) -> None:
    tables = {
        "allocation_rules": [row for rules, _, _ in SPLITS.values() for row in rules],
        "allocation_bearers": [row for _, bearers, _ in SPLITS.values() for row in bearers],
        "billing_rules": [],
    }
    expected = {"assert_allocation_rules_are_complete": sum(count for _, _, count in SPLITS.values())}
    assert failing_rows(refused(home, tables)) == expected


def test_comb_model_refuses_what_a_model_cannot_do(home: Settings) -> None:
    tables = {
        "allocation_rules": ["A,1,,sequence,"],
        "allocation_bearers": ["A,1,,x,1,,,,true,,"],
        "billing_rules": ["R,commission,rate,,,,,,,", "CUMULATIVE,commission,cumulative_volume,month,,,,,,"],
        "settlement_models": [
            "RIGHT,1,D0,none,CN,R,allocate_bill,A",
            "NO-SPLIT,2,D0,none,CN,R,allocate,",
            "UNKNOWN-SPLIT,3,D0,none,CN,R,allocate_bill,X",
            "NO-SHARE,4,D0,none,CN,CUMULATIVE,allocate_bill,A",
            "UNKNOWN,5,D0,none,CN,R,both,A",
            f"MANY,6,D0,none,CN,{';'.join('R' * 33)},,",
            f"AS-MANY-AS-ARE-READ,7,D0,none,CN,{';'.join('R' * 32)},,",
        ],
    }
    assert failing_rows(refused(home, tables)) == {"assert_models_can_do_what_they_say": 5}
