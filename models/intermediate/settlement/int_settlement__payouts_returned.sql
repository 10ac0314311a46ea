{{ config(materialized='ephemeral') }}

with numbers_answered as (
    select instruction_no from {{ ref('stg_bank__returns') }}
    where batch_id = {{ batch_id() }} and status = 'failed'
    union
    select {{ instruction_no('bill_no', 'attempt_no') }} from {{ history_of('int_settlement__bills_netted') }}
    where batch_id = {{ batch_id() }} - 1 and row_kind = 'bill'
),

answers as (
    {{ final_answers('select instruction_no from numbers_answered', until='<= ' ~ batch_id()) | indent(4) }}
),

-- SET-RETURN: once, in the batch that hears of it, or in the one after the bill's own if that is later; twice would pay it twice.
final as (
    select bills.bill_no, bills.participant_id, bills.account_no, bills.currency, bills.model_code, bills.net_minor, bills.attempt_no
    from answers
    inner join {{ history_of('int_settlement__bills_netted') }} as bills
        on {{ instruction_no('bills.bill_no', 'bills.attempt_no') }} = answers.instruction_no and bills.row_kind = 'bill'
    where
        answers.answer_no = 1 and answers.status = 'failed' and bills.net_minor > 0
        and bills.batch_id < {{ batch_id() }} and greatest(answers.batch_id, bills.batch_id + 1) = {{ batch_id() }}
)

select * from final
