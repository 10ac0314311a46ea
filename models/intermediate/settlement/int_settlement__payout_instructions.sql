{{ config(materialized='ephemeral') }}

with answers as (
    {{ final_answers() | indent(4) }}
),

unsettled as (
    select distinct instruction_no from {{ ref('stg_bank__returns') }}
    where status not in ('success', 'failed')
),

-- AUDIT-PAYOUTS: an instruction stands in one file that is not rejected.
files as (
    select file_no, instruction_no, state from {{ ref('stg_decisions__payout_files') }}
    where is_standing
),

instructions as (
    select bills.*, {{ instruction_no('bill_no', 'attempt_no') }} as instruction_no
    from {{ ref('int_settlement__bills_netted') }} as bills
    where bills.row_kind = 'bill' and bills.net_minor > 0
),

-- SET-INSTRUCTION: what the bank says it paid counts as paid only to the unit; of anything else nobody knows yet what it was for.
final as (
    select
        instructions.instruction_no,
        instructions.bill_no,
        instructions.batch_id,
        instructions.batch_date,
        instructions.participant_id,
        instructions.account_no,
        instructions.currency,
        instructions.net_minor as amount_minor,
        instructions.attempt_no,
        case
            when answers.status = 'failed' then 'failed'
            when answers.currency = instructions.currency and answers.amount_minor = instructions.net_minor then 'succeeded'
            when answers.instruction_no is not null or unsettled.instruction_no is not null then 'unknown'
            when files.state = 'SENT' then 'sent'
            when files.file_no is not null then 'filed'
            else 'created'
        end as status,
        allowed.is_payable,
        files.file_no,
        files.state as file_state,
        answers.batch_id as answered_batch_id,
        answers.bank_txn_no,
        answers.processed_at,
        answers.failure_code,
        answers.failure_reason
    from instructions
    inner join {{ ref('int_settlement__bills_allowed') }} as allowed on allowed.bill_no = instructions.bill_no
    left join answers on answers.instruction_no = instructions.instruction_no and answers.answer_no = 1
    left join unsettled on unsettled.instruction_no = instructions.instruction_no
    left join files on files.instruction_no = instructions.instruction_no
)

select * from final
