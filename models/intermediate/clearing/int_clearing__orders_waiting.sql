{{ config(materialized='ephemeral') }}

with filled as (
    select order_no, order_version, batch_id from {{ ref('int_reconciliation__pairs') }}
    where batch_id <= {{ batch_id() }} and is_filled_now
),

waiting as (
    select order_no, order_version from filled
    where batch_id = {{ batch_id() }}
    union
    select order_no, order_version from {{ history_of('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} - 1 and reason_code is not null
),

final as (
    select waiting.order_no, waiting.order_version, filled.order_no is not null as is_filled
    from waiting
    left join filled on filled.order_no = waiting.order_no and filled.order_version = waiting.order_version
)

select * from final
