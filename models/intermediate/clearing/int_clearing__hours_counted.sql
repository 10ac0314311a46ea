{{ config(materialized='ephemeral') }}

{#- Which lines are ordered is known of each line only where some model says that its are not; elsewhere counting needs no model. -#}
{%- set order_lines, lines_judged = ref('stg_orders__order_lines'), ref('int_clearing__lines_judged') -%}
{%- set some_unordered = has_rows(ref('stg_config__settlement_models'), 'not is_ordered') -%}

with orders as (
    {{ orders_due() | indent(4) }}
),

excepted_now as (
    select order_no, order_version from {{ history_of('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and entry_kind = 'new' and reason_code is not null
),

lines as (
    {%- if some_unordered %}
    select order_no, order_version, {{ numbering_hour('ordered_at', 'is_ordered') }} as ordered_hour
    from {{ lines_judged }}
    where not is_correction
    {%- else %}
    select orders.order_no, orders.order_version, {{ numbering_hour('orders.ordered_at', 'true') }} as ordered_hour
    from orders
    left join {{ order_lines }} as order_lines
        on
            order_lines.order_no = orders.order_no and order_lines.order_version = orders.order_version
            and order_lines.batch_id <= orders.batch_id
    where not orders.is_correction
    {%- endif %}
),

final as (
    select lines.ordered_hour, count(*) as line_count
    from lines
    left join excepted_now on excepted_now.order_no = lines.order_no and excepted_now.order_version = lines.order_version
    where excepted_now.order_no is null
    group by lines.ordered_hour
)

select * from final
