with orders as (
    select * from {{ source('raw', 'orders') }}
),

currencies as (
    select currency, minor_per_major from {{ ref('stg_config__currencies') }}
),

final as (
    select
        orders._batch_id as batch_id,
        orders.order_no,
        orders.version as order_version,
        orders.order_type,
        orders.product_code,
        orders.participant_id,
        orders.customer_id,
        orders.channel_code,
        orders.currency,
        currencies.minor_per_major,
        orders.amount as header_amount,
        orders.amount is not null as has_header_amount,
        {{ to_minor('orders.amount', 'currencies.minor_per_major') }} as header_minor,
        orders.status,
        orders.ordered_at,
        {{ business_date('orders.ordered_at') }} as ordered_date,
        orders.original_order_no,
        orders.attributes,
        orders._file_id as file_id,
        orders._line_no as file_line_no
    from orders
    left join currencies on currencies.currency = orders.currency
)

select * from final
