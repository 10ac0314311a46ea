{{ config(materialized='ephemeral') }}

-- Nearly every number has one line that comes with or after its order. Only the others need adding up or ranking.
with final as (
    select order_no from {{ ref('int_reconciliation__lines_looked_at') }}
    where order_no is not null
    group by order_no
    having count(*) > 1 or min(batch_id) < {{ batch_id() }}
    union
    select order_no from {{ ref('int_reconciliation__lines_moved') }}
    where order_no in (select order_no from {{ ref('int_reconciliation__numbers_looked_at') }})
)

select * from final
