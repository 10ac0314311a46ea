{{ config(materialized='ephemeral') }}

with final as (
    select order_no, order_version from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }} and is_filled_now and direction = 'payment'
    union
    select order_no, order_version from {{ history_of('int_clearing__lines_judged') }}
    where batch_id = {{ batch_id() }} - 1 and reason_rank is not null
)

select * from final
