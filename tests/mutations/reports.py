"""Mistakes in the reports to and from SPVs and in what people correct in them, and who notices each."""

from __future__ import annotations

from tests.mutations.harness import Mutation

OUT, IN, TOUCHED = (
    f"models/intermediate/spv/int_spv__{name}.sql" for name in ("lines_out", "lines_in", "orders_touched")
)
STEPS = "models/intermediate/reconciliation/int_reconciliation__"
FIXES = "models/staging/decisions/stg_decisions__spv_corrections.sql"
LINES = "models/staging/spv/stg_spv__reports.sql"

TOLD = "SPV_OUT_an_order_is_told_once_and_again_where_it_changes"
NOT_TOLD = "SPV_ERROR_what_we_could_not_tell_an_spv"
WRONG = "SPV_ERROR_what_is_wrong_with_a_line_of_theirs"
FIXED = "SPV_FIX_a_corrected_line_is_compared_again_from_its_batch_on"

MUTATIONS = (
    Mutation("an order that fails is told to its SPV", OUT, "where is_successful and spv_code", "where spv_code", TOLD),
    Mutation(
        "a closed order stays in the SPV's books", OUT, "    where orders.order_no is null\n", "    where false\n", TOLD
    ),
    Mutation(
        "what was taken back counts as told",
        OUT,
        "where place = 1 and line_kind <> 'withdrawn'",
        "where place = 1",
        TOLD,
    ),
    Mutation(
        "a version that changes nothing is told again",
        OUT,
        "        told.order_no is null or {{ differs('told.amount_minor'",
        "        true or {{ differs('told.amount_minor'",
        TOLD,
    ),
    Mutation(
        "half a split passes",
        OUT,
        "(orders.principal_minor is null or orders.interest_minor is null)",
        "(orders.principal_minor is null and orders.interest_minor is null)",
        NOT_TOLD,
    ),
    Mutation(
        "an order of an unknown product is nobody's",
        TOUCHED,
        "coalesce(product_code, '') not in (select product_code from products_of_nobody)",
        "product_code in (select product_code from products_of_spvs)",
        NOT_TOLD,
    ),
    Mutation(
        "the parts of a line need not add up",
        IN,
        "coalesce(principal_minor, 0) + coalesce(interest_minor, 0)",
        "amount_minor + 0 * coalesce(interest_minor, 0)",
        WRONG,
    ),
    Mutation(
        "a line that the SPV refused is fine",
        IN,
        "            when status = 'failed' and is_order_successful then 'status_differs'\n",
        "",
        WRONG,
    ),
    Mutation(
        "a further line is judged as the first",
        IN,
        "            and own.own_txn_no = lines.unit_no and lines.takes_part\n",
        "            and own.own_txn_no = '' and lines.takes_part\n",
        WRONG,
    ),
    Mutation(
        "a correction changes the batch that is built",
        FIXES,
        "after_batch_id + 1 as from_batch_id",
        "after_batch_id as from_batch_id",
        FIXED,
    ),
    Mutation(
        "the first correction of a field counts",
        FIXES,
        "order by corrections.correction_seq desc",
        "order by corrections.correction_seq",
        FIXED,
    ),
    Mutation(
        "the line as it was loaded counts beside the corrected one",
        LINES,
        "first_ones.from_batch_id as until_batch_id",
        "cast(null as bigint) as until_batch_id",
        FIXED,
    ),
    Mutation(
        "the order that a line leaves keeps it",
        STEPS + "spv_orders.sql",
        "(from_batch_id = {{ batch_id() }} or until_batch_id = {{ batch_id() }})",
        "from_batch_id = {{ batch_id() }}",
        FIXED,
    ),
    Mutation(
        "a line that is given an order stays open by itself",
        STEPS + "spv_pairs.sql",
        "lines.until_batch_id = {{ batch_id() }} and lines.order_no is null",
        "false and lines.order_no is null",
        FIXED,
    ),
    Mutation(
        "what was corrected is counted twice",
        STEPS + "spv_sides_in.sql",
        "        until_batch_id = {{ batch_id() }} and status = 'success'\n",
        "        false\n",
        FIXED,
    ),
)
