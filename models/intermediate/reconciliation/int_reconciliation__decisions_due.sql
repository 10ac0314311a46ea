{{ config(materialized='ephemeral') }}

with due as (
    select * from {{ ref('stg_decisions__resolutions') }}
    where effective_batch_id = {{ batch_id() }} and not is_withdrawn
),

-- A decision about two items has a row for each of them.
final as (
    select
        decision_no, relation, action, takes_back_no, item_key, order_no,
        case when other_item_key is null then 1 else 2 end as item_count
    from due
    union all
    select decision_no, relation, action, takes_back_no, other_item_key, other_order_no, 2
    from due
    where other_item_key is not null
)

select * from final
