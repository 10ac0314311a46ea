{{ config(materialized='ephemeral') }}

with compared as (
    select * from {{ ref('int_reconciliation__payouts_compared') }}
),

given as (
    select * from {{ ref('int_reconciliation__instructions_given') }}
    where batch_id <= {{ batch_id() }}
),

answered as (
    select instruction_no from {{ ref('stg_bank__returns') }}
    where batch_id = {{ batch_id() }} and status in ('success', 'failed')
),

final as (
    select * from given
    where batch_id >= (select since_batch_id from compared)
    union
    select * from given
    where instruction_no in (select instruction_no from answered)
)

select * from final
