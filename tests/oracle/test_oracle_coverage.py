"""Random full worlds reach every branch of clearing, several times in a campaign."""

from collections import Counter

from tests.oracle.features import features
from tests.oracle.oracle import run_oracle
from tests.oracle.sorting import REASONS
from tests.oracle.worlds import calendar, make_world

WORLDS, AT_LEAST = 100, 2
KINDS = ("new", "refund", "reversal")
EXPECTED = {
    *(f"reason {reason}" for reason in REASONS),
    *(f"entry {kind}" for kind in KINDS),
    *(f"cap of level {level}" for level in (1, 2)),
    *(f"cap period {period}" for period in ("day", "month", "quarter", "year", "contract", "lifetime")),
    "caps at both levels of one fee",
    "cap hit exactly",
    "cap missed by one unit",
    "cap hit several times in one batch",
    "cap hit again after a release",
    "cap lowered below what is accumulated",
    "release above a lowered cap",
    "cap ended",
    *(f"redistribution with {count} capped bearers" for count in (1, 2, 3, 4)),
    *(f"redistribution at level {level}" for level in (1, 2)),
    "redistribution that fills several bearers with one fee",
    *(f"correction to {status}" for status in ("success", "failed", "closed", "pending")),
    *(
        f"correction of {column}"
        for column in ("amount", "participant_id", "product_code", "currency", "channel_code", "ordered_at")
    ),
    "correction of or to lines",
    "correction and refund in one batch",
    "correction excepted, the next version clears",
    "correction that the channel fills",
    "refund of a corrected order",
    "exception that clears later",
    *(f"refused: {why}" for why in ("refunded", "is a refund", "becomes a refund")),
    *(f"{method} {kind}" for method in ("cumulative_graduated", "cumulative_volume") for kind in KINDS),
    *(f"base by {period}" for period in ("month", "quarter", "year", "lifetime")),
    *(f"base of {base}" for base in ("amount", "principal", "interest", "count")),
    "cumulative_graduated crosses a border within an order",
    "cumulative_graduated crosses several borders within an order",
    "cumulative_graduated begins at a border",
    "cumulative_volume crosses a border within an order",
    "cumulative_volume begins at a border",
    "border given back",
    "border crossed again",
    "fee by dated tiers",
    *(
        f"combination {name}, {kind}"
        for name in ("empty", "bill", "bill_allocate", "allocate", "allocate_bill")
        for kind in KINDS
    ),
    *(f"fee of a second-level share, {kind}" for kind in KINDS),
    "line of a model without order",
    "contract in the order's currency",
    "contract shown",
    "contract without rate",
}


def test_every_branch_occurs_in_several_worlds() -> None:
    counts: Counter[str] = Counter()
    for seed in range(1, WORLDS + 1):
        world = make_world(seed, calendar(seed), full=True)
        counts.update(features(world, run_oracle(world)))
    rare = {name: counts[name] for name in EXPECTED if counts[name] < AT_LEAST}
    assert rare == {}
