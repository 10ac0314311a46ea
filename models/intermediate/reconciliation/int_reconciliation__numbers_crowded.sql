{{ config(materialized='ephemeral') }}

-- Nearly every number has one line that comes with or after its order. Only the others need adding up or ranking.
with numbers_again as (
    select order_no from {{ ref('stg_channel__payments') }}
    where batch_id = {{ batch_id() }} and status = 'success' and order_no is not null
    group by order_no
    having count(*) > 1
),

-- REC-DECIDE: what was decided about a number or a line of it has it looked at again, with all its lines.
numbers_decided as (
    select order_no from {{ ref('int_reconciliation__decisions_due') }}
    where action = 'auto_fill' or is_moving_a_line
),

final as (
    select order_no from numbers_again
    union
    select order_no from {{ ref('int_reconciliation__lines_moved') }}
    where
        order_no in (
            select order_no from {{ ref('stg_orders__orders') }}
            where batch_id = {{ batch_id() }}
            union all
            select order_no from {{ ref('stg_channel__payments') }}
            where batch_id = {{ batch_id() }} and status = 'success' and order_no is not null
            union all
            select order_no from numbers_decided
        )
    union
    select order_no from {{ ref('stg_channel__payments') }}
    where
        batch_id < {{ batch_id() }} and status = 'success'
        and order_no in (
            select order_no from {{ ref('stg_orders__orders') }}
            where batch_id = {{ batch_id() }}
            union all
            select order_no from {{ ref('stg_channel__payments') }}
            where batch_id = {{ batch_id() }} and status = 'success' and order_no is not null
            union all
            select order_no from numbers_decided
        )
)

select * from final
