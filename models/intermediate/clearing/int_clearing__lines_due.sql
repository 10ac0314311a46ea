{{ config(materialized='ephemeral') }}

-- What a settlement model can ask of a line stands in the case columns, with every value that no model names folded into
-- the empty text: so models are matched once per case instead of once per line.
with orders as (
    select * from {{ ref('int_clearing__orders_due') }}
),

lines as (
    select order_no, order_version, line_no, participant_id, product_code, line_amount, attributes
    from {{ ref('stg_orders__order_lines') }}
    where batch_id <= {{ batch_id() }}
),

lines_of_orders as (
    select
        orders.order_no,
        orders.order_version,
        coalesce(lines.line_no, 1) as line_no,
        lines.order_no is not null as has_lines,
        orders.is_correction,
        orders.order_type,
        coalesce(lines.product_code, orders.product_code) as product_code,
        coalesce(lines.participant_id, orders.participant_id) as participant_id,
        orders.channel_code,
        orders.currency,
        orders.minor_per_major,
        orders.has_header_amount,
        orders.header_minor,
        case
            when lines.order_no is null then orders.header_minor
            else {{ to_minor('lines.line_amount', 'orders.minor_per_major') }}
        end as amount_minor,
        orders.ordered_at,
        orders.ordered_date,
        lines.attributes as line_attributes,
        orders.attributes as order_attributes
    from orders
    left join lines on lines.order_no = orders.order_no and lines.order_version = orders.order_version
),

named_products as (select distinct product_code from {{ ref('stg_config__settlement_models') }}),

named_participants as (select distinct participant_id from {{ ref('stg_config__settlement_models') }}),

named_channels as (select distinct channel_code from {{ ref('stg_config__settlement_models') }}),

final as (
    select
        lines_of_orders.*,
        coalesce(named_products.product_code, '') as case_product,
        coalesce(named_participants.participant_id, '') as case_participant,
        coalesce(named_channels.channel_code, '') as case_channel,
        {{ attribute_conditions_met('lines_of_orders.line_attributes', 'lines_of_orders.order_attributes') }} as case_attributes
    from lines_of_orders
    left join named_products on named_products.product_code = lines_of_orders.product_code
    left join named_participants on named_participants.participant_id = lines_of_orders.participant_id
    left join named_channels on named_channels.channel_code = lines_of_orders.channel_code
)

select * from final
