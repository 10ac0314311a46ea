"""Mistakes in what the marts say of the audit journal, and who notices each."""

from __future__ import annotations

from tests.mutations.harness import Mutation

JOURNAL, OBJECTS, CONTROLS, BILLS, GIVEN, NETTED = (
    "models/staging/decisions/stg_decisions__audit_journal.sql",
    "models/marts/audit/fct_audit_objects.sql",
    "models/marts/audit/rpt_audit_controls.sql",
    "models/intermediate/settlement/int_settlement__bills_allowed.sql",
    "models/intermediate/reconciliation/int_reconciliation__instructions_given.sql",
    "models/intermediate/settlement/int_settlement__bills_netted.sql",
)

MUTATIONS = (
    Mutation(
        "who looked at an object once may never look at it again",
        CONTROLS,
        "            and before.seq >= journal.round_seq and before.seq < journal.seq\n",
        "            and before.seq < journal.seq\n",
        "audit AUDIT_EYES_of_one_round",
    ),
    Mutation(
        "who put an object under audit may approve it",
        CONTROLS,
        "before.action in ('CREATE', 'APPROVE')",
        "before.action = 'APPROVE'",
        "audit AUDIT_EYES_of_one_round",
    ),
    Mutation(
        "one person approves twice",
        CONTROLS,
        "before.action in ('CREATE', 'APPROVE')",
        "before.action = 'CREATE'",
        "audit AUDIT_EYES_of_one_round",
    ),
    Mutation(
        "rows that are missing are not missed",
        CONTROLS,
        "        seq <> place\n        or ",
        "        ",
        "audit INV_AUDIT_linked",
    ),
    Mutation(
        "a row may follow any other",
        CONTROLS,
        "        or {{ differs('prev_hash',",
        "        or false and {{ differs('prev_hash',",
        "audit INV_AUDIT_linked",
    ),
    Mutation(
        "an object that was never put under audit is approved",
        CONTROLS,
        "        or round_seq is null\n",
        "",
        "audit AUDIT_STATES_steps_follow",
    ),
    Mutation(
        "an object under audit begins anew",
        CONTROLS,
        "coalesce(state_before, -1) <> -1",
        "coalesce(state_before, -1) < -1",
        "audit AUDIT_STATES_steps_follow",
    ),
    Mutation(
        "the first decision is taken for the last",
        JOURNAL,
        "partition by object_kind, object_id order by seq desc",
        "partition by object_kind, object_id order by seq",
        "audit AUDIT_STATES_objects_as_they_stand",
    ),
    Mutation(
        "the first who put an object under audit is shown for ever",
        JOURNAL,
        "        max(case when action = 'CREATE' then seq end)",
        "        min(case when action = 'CREATE' then seq end)",
        "audit AUDIT_STATES_objects_as_they_stand",
    ),
    Mutation(
        "a report of the same number approves a bill",
        BILLS,
        "    where object_kind = 'bill' and is_last\n",
        "    where is_last\n",
        "audit AUDIT_BILLS_state_and_payable",
    ),
    Mutation(
        "what was only checked is paid",
        BILLS,
        "audited.to_name in ('APPROVED', 'PAID')",
        "audited.to_name in ('CHECKED', 'APPROVED', 'PAID')",
        "audit AUDIT_BILLS_state_and_payable",
    ),
    Mutation(
        "a model that asks for approval pays without",
        BILLS,
        "guarded_models.model_code is null)",
        "true)",
        "audit AUDIT_BILLS_state_and_payable",
    ),
    Mutation(
        "an answer is expected to what nobody has approved",
        GIVEN,
        "    where not needs_approval\n",
        "",
        "audit REC_PAYOUT_waits_for_approval",
    ),
    Mutation(
        "what was only checked is instructed",
        GIVEN,
        "to_name in ('APPROVED', 'PAID')",
        "to_name in ('CHECKED', 'APPROVED', 'PAID')",
        "audit REC_PAYOUT_waits_for_approval",
    ),
    Mutation(
        "what is approved was instructed a batch before",
        GIVEN,
        "min(after_batch_id) + 1 as batch_id",
        "min(after_batch_id) as batch_id",
        "audit REC_PAYOUT_waits_for_approval",
    ),
    Mutation(
        "a model that asks for approval is forgotten once the bill is made",
        NETTED,
        "model_code in (\n            select",
        "model_code not in (\n            select",
        "audit REC_PAYOUT_waits_for_approval",
    ),
)
