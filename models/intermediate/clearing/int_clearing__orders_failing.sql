{{ config(materialized='ephemeral') }}

-- SORT-WHOLE: an order clears whole or not at all; a part of it settled and a part stuck would show two truths.
with ranked as (
    select
        order_no, order_version, reason_rank, reason_detail,
        row_number() over (partition by order_no, order_version order by reason_rank, line_no) as place
    from {{ ref('int_clearing__lines_judged') }}
    where reason_rank is not null
),

final as (
    select order_no, order_version, reason_rank, reason_detail from ranked
    where place = 1
)

select * from final
