{{ config(materialized='ephemeral') }}

with due as (
    select
        decisions.*,
        decisions.action = 'reassign' or coalesce(taken_back.action = 'reassign', false) as is_moving_a_line
    from {{ ref('stg_decisions__resolutions') }} as decisions
    left join {{ ref('stg_decisions__resolutions') }} as taken_back on taken_back.decision_no = decisions.takes_back_no
    where decisions.effective_batch_id = {{ batch_id() }} and not decisions.is_withdrawn
),

-- A decision about two items has a row for each of them.
final as (
    select
        decision_no, relation, action, is_moving_a_line, takes_back_no, item_key, order_no,
        case when other_item_key is null then 1 else 2 end as item_count
    from due
    union all
    select decision_no, relation, action, is_moving_a_line, takes_back_no, other_item_key, other_order_no, 2
    from due
    where other_item_key is not null
)

select * from final
