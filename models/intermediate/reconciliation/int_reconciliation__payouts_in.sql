{{ config(materialized='ephemeral') }}

-- What we instructed less what the bank could not pay, and what it paid, added up from bills and answers: the control total of the items.
with compared as (
    select * from {{ ref('int_reconciliation__payouts_compared') }}
),

instructions as (
    select * from {{ ref('int_reconciliation__instructions_touched') }}
),

answers as (
    {{ final_answers('select instruction_no from instructions', until='<= ' ~ batch_id()) | indent(4) }}
),

failed as (
    select instructions.currency, instructions.net_minor, greatest(answers.batch_id, instructions.batch_id) as batch_id
    from answers
    inner join instructions on instructions.instruction_no = answers.instruction_no
    where answers.answer_no = 1 and answers.status = 'failed'
),

final as (
    select
        instructions.currency, count(*) as left_count, {{ minor_sum('instructions.net_minor') }} as left_minor,
        cast(0 as bigint) as right_count, cast(0 as bigint) as right_minor
    from instructions
    inner join compared on compared.since_batch_id <= instructions.batch_id
    group by instructions.currency
    union all
    select failed.currency, -count(*), -{{ minor_sum('failed.net_minor') }}, 0, 0
    from failed
    inner join compared on compared.since_batch_id <= failed.batch_id
    group by failed.currency
    union all
    select currency, 0, 0, count(*), {{ minor_sum('amount_minor') }} from {{ ref('stg_bank__returns') }}
    where batch_id = {{ batch_id() }} and status = 'success'
    group by currency
)

select * from final
