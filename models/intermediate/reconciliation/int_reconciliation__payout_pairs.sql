{{ config(materialized='ephemeral') }}

-- A bill never changes once it is made and no answer leaves its instruction, so these pairs need no table: the items say how they stood.
with touched as (
    select * from {{ ref('int_reconciliation__instructions_touched') }}
),

numbers_touched as (
    select instruction_no from touched
    union
    select instruction_no from {{ ref('stg_bank__returns') }}
    where batch_id = {{ batch_id() }} and status in ('success', 'failed')
),

answers as (
    {{ final_answers('select instruction_no from numbers_touched', until='<= ' ~ batch_id()) | indent(4) }}
),

-- REC-PAYOUT: what the bank could not pay moved nothing and is owed under this number no more; its amount comes with another bill.
final as (
    select
        'instructions_bank' as relation,
        '' as channel_code,
        coalesce(touched.instruction_no, answers.instruction_no) as order_no,
        'payment' as direction,
        case when answers.answer_no > 1 then answers.file_no || '/' || answers.bank_txn_no else '' end as own_txn_no,
        coalesce(answers.answer_no > 1, false) as is_further_line,
        touched.instruction_no is not null as has_order,
        touched.instruction_no is not null and coalesce(answers.status, '') <> 'failed' as is_order_successful,
        false as is_filled_now,
        touched.net_minor as order_minor,
        touched.currency as order_currency,
        answers.instruction_no is not null as has_statement,
        case when answers.status = 'failed' then 0 else answers.amount_minor end as statement_minor,
        cast(null as bigint) as statement_fee_minor,
        case when answers.status = 'failed' then coalesce(touched.currency, answers.currency) else answers.currency end as statement_currency,
        false as is_ambiguous
    from touched
    full outer join answers on answers.instruction_no = touched.instruction_no and answers.answer_no = 1
)

select * from final
