{{ config(materialized='ephemeral') }}

{#- Only the batches that a twin can be in are read: an order and its twin are no further apart than the widest window. Written out wherever
    it is read, for a step that is read twice would be kept in memory with all orders of the day. -#}
{%- set recent_orders %}
    select
        orders.order_no, orders.order_version, orders.customer_id, orders.product_code, orders.currency, orders.header_minor,
        orders.ordered_date, coalesce(orders.channel_code, '') as channel_code
    from {{ ref('stg_orders__orders') }} as orders
    inner join {{ ref('stg_loads__batches') }} as batches on batches.batch_id = orders.batch_id
    cross join windows
    where
        orders.batch_id <= {{ batch_id() }} and {{ batch_date() }} - batches.batch_date <= 2 * windows.days
        and orders.order_type <> 'refund'
{%- endset %}

with open_payments as (
    select * from {{ ref('int_reconciliation__items') }}
    where relation = 'orders_channel' and batch_id = {{ batch_id() }} and is_open and direction = 'payment'
),

windows as (
    select coalesce(max(date_window_days), 0) as days from {{ ref('stg_config__reconciliation_rules') }}
    where relation = 'orders_channel'
),

recent_own as (
    {{ recent_orders | trim }} and orders.customer_id is not null and orders.status = 'success'
),

recent_twins as (
    {{ recent_orders | trim }} and orders.customer_id is not null and orders.status = 'success'
),

recent_versions as (
    {{ recent_orders | trim }}
),

alone as (
    select
        items.channel_code, items.order_no, items.currency, items.left_minor, items.opened_batch_id,
        recent.customer_id, recent.product_code, recent.ordered_date, recent.order_version,
        coalesce(rules.date_window_days, 0) as date_window_days
    from open_payments as items
    inner join recent_own as recent on recent.order_no = items.order_no and recent.channel_code = items.channel_code
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'orders_channel' and rules.channel_code = items.channel_code
    where items.result = 'platform_only'
),

near_twins as (
    select
        alone.channel_code, alone.order_no, alone.order_version, alone.currency, alone.left_minor, alone.opened_batch_id,
        alone.date_window_days, twins.order_no as twin_order_no, twins.order_version as twin_version,
        cast(twins.ordered_date - alone.ordered_date as bigint) as days_apart
    from alone
    inner join recent_twins as twins
        on
            twins.customer_id = alone.customer_id and {{ same('twins.product_code', 'alone.product_code') }}
            and twins.header_minor = alone.left_minor and twins.currency = alone.currency and twins.channel_code = alone.channel_code
            and twins.order_no <> alone.order_no
    left join open_payments on open_payments.order_no = twins.order_no and not open_payments.is_further_line
    where abs(twins.ordered_date - alone.ordered_date) <= alone.date_window_days and open_payments.order_no is null
),

-- A version that has been replaced is nobody's twin, and has none.
versions_near as (
    select order_no, order_version from near_twins
    union
    select twin_order_no, twin_version from near_twins
),

outdated as (
    select distinct versions_near.order_no, versions_near.order_version
    from versions_near
    inner join recent_versions as newer
        on newer.order_no = versions_near.order_no and newer.order_version > versions_near.order_version
),

twins as (
    select near_twins.* from near_twins
    left join outdated as own on own.order_no = near_twins.order_no and own.order_version = near_twins.order_version
    left join outdated as other on other.order_no = near_twins.twin_order_no and other.order_version = near_twins.twin_version
    where own.order_no is null and other.order_no is null
),

ranked as (
    select
        twins.*,
        lag(days_apart) over nearest is null and coalesce(lead(abs(days_apart)) over nearest > abs(days_apart), true) as is_nearest
    from twins
    window nearest as (partition by channel_code, order_no order by abs(days_apart), twin_order_no)
),

-- A successful order that is not open is matched; of several the nearest is the twin, of several as near none.
final as (
    select * from ranked
    where is_nearest
)

select * from final
