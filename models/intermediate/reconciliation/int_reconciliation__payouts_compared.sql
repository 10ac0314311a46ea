{{ config(materialized='ephemeral') }}

-- Payouts are compared from the bank's first answer or a rule on, and stay compared; what was instructed before is then compared too.
with items_earlier as (
    select min(batch_id) as first_batch_id from {{ history_of('int_reconciliation__payout_items') }}
    where batch_id < {{ batch_id() }}
),

uses as (
    select count(*) as use_count from {{ ref('stg_config__reconciliation_rules') }}
    where relation = 'instructions_bank'
    union all
    select count(*) from {{ ref('stg_bank__returns') }}
    where batch_id <= {{ batch_id() }}
),

final as (
    select case when first_batch_id is null then 0 else {{ batch_id() }} end as since_batch_id from items_earlier
    where first_batch_id is not null or (select sum(use_count) from uses) > 0
)

select * from final
