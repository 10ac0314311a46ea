{{ config(materialized='ephemeral') }}

with touched as (
    select distinct order_no from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }}
    union
    select settlement_batch_no from {{ ref('int_reconciliation__deposit_pairs') }}
    where batch_id = {{ batch_id() }}
    union
    select order_no from {{ ref('int_reconciliation__spv_pairs') }}
    where batch_id = {{ batch_id() }}
    union
    select order_no from {{ ref('int_reconciliation__decisions_due') }}
),

final as (
    {{ items_before(
        history_of('int_reconciliation__items'), 'touched', plain=plain_matches('< ' ~ batch_id(), 'select order_no from touched')
    ) | indent(4) }}
)

select * from final
