"""Mistakes in payouts and in what the bank answers, and who notices each."""

from __future__ import annotations

from tests.mutations.harness import Mutation

STEPS = "models/intermediate/reconciliation/int_reconciliation__"
ANSWERS, RETURNED, BILLS, INSTRUCTIONS = (
    "macros/reconciliation/final_answers.sql",
    "models/intermediate/settlement/int_settlement__payouts_returned.sql",
    "models/intermediate/settlement/int_settlement__bills_netted.sql",
    "models/intermediate/settlement/int_settlement__payout_instructions.sql",
)
COMPARED, PAIRS, CONTROL = STEPS + "payouts_compared.sql", STEPS + "payout_pairs.sql", STEPS + "payouts_in.sql"
EACH_RESULT = "REC_PAYOUT_each_result_of_a_payout"
TWO_THINGS = "REC_PAYOUT_the_bank_says_two_things"
IN_THE_NEXT_BILL = "SET_RETURN_what_the_bank_could_not_pay_is_in_the_next_bill"

MUTATIONS = (
    Mutation(
        "a payout that failed and was paid in one batch is given back",
        ANSWERS,
        "batch_id, case when status = 'success' then 0 else 1 end,",
        "batch_id,",
        TWO_THINGS,
    ),
    Mutation(
        "a bank that does not know yet has answered",
        ANSWERS,
        "status in ('success', 'failed')",
        "status in ('success', 'failed', 'unknown')",
        EACH_RESULT,
    ),
    Mutation(
        "what came back once comes back with every later answer",
        RETURNED,
        "answers.answer_no = 1 and answers.status = 'failed'",
        "answers.status = 'failed'",
        TWO_THINGS,
    ),
    Mutation(
        "an answer that came before its bill gives nothing back",
        RETURNED,
        "greatest(answers.batch_id, bills.batch_id + 1) =",
        "answers.batch_id =",
        "REC_PAYOUT_the_answer_comes_before_its_instruction",
    ),
    Mutation(
        "what came back is in the bill and not in what it pays",
        BILLS,
        "'bills.entries_net_minor + bills.adjustment_minor'",
        "'bills.entries_net_minor'",
        IN_THE_NEXT_BILL,
    ),
    Mutation(
        "every attempt is the first",
        BILLS,
        "max(attempts_before) + 1 as attempt_no",
        "max(attempts_before) * 0 + 1 as attempt_no",
        IN_THE_NEXT_BILL,
    ),
    Mutation(
        "a payout of any amount has succeeded",
        INSTRUCTIONS,
        " and answers.amount_minor = instructions.net_minor then",
        " then",
        EACH_RESULT,
    ),
    Mutation(
        "what was instructed before the first answer is never compared",
        COMPARED,
        "then 0 else",
        "then {{ batch_id() }} else",
        EACH_RESULT,
    ),
    Mutation(
        "what failed was paid",
        PAIRS,
        "case when answers.status = 'failed' then 0 else answers.amount_minor end",
        "answers.amount_minor",
        EACH_RESULT,
    ),
    Mutation(
        "what failed is still owed under its number",
        PAIRS,
        " and coalesce(answers.status, '') <> 'failed' as is_order_successful",
        " as is_order_successful",
        EACH_RESULT,
    ),
    Mutation(
        "the second answer is taken for the first",
        PAIRS,
        " and answers.answer_no = 1\n",
        "\n",
        EACH_RESULT,
    ),
    Mutation(
        "the control forgets what failed",
        CONTROL,
        "where answers.answer_no = 1 and answers.status = 'failed'",
        "where false",
        "invariant reconciliation_totals_explained",
    ),
)
