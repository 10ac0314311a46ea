{#- REC-PLAIN: the items that matched when they were first seen, in the columns of int_reconciliation__items that others read. They have no row
    of their own: a successful first version is one where its number has no row in the pairs of its batch. `batches` is a comparison
    with a batch (all that are paired without it), `numbers` a query for the order numbers to look at; `pairs` names the pairs where they can't be a ref: in their own SQL. -#}
{% macro plain_matches(batches='', numbers='', pairs=none) -%}
    select
        orders.batch_id, 'orders_channel' as relation, coalesce(orders.channel_code, '') as channel_code, orders.order_no,
        case when orders.order_type = 'refund' then 'refund' else 'payment' end as direction, '' as own_txn_no, false as is_further_line,
        orders.currency, 'matched' as result, 'none' as pool, orders.order_minor as left_minor, orders.order_minor as right_minor,
        orders.currency as left_currency, orders.currency as right_currency, true as is_order_successful,
        false as has_other_currency, '' as mismatched_fields, cast(null as bigint) as buffer_days, orders.batch_id as opened_batch_id,
        cast(null as date) as opened_date, 'auto' as match_kind, cast(null as {{ dbt.type_string() }}) as decision_no,
        false as is_open, false as is_regressed,
        cast(null as bigint) as left_fee_minor, cast(null as bigint) as right_fee_minor
    from (
        select
            headers.batch_id, headers.channel_code, headers.order_no, headers.order_type, headers.currency,
            case
                when line_sums.order_no is null then headers.header_minor
                else {{ to_minor('line_sums.lines_amount', 'headers.minor_per_major') }}
            end as order_minor
        from {{ ref('stg_orders__orders') }} as headers
        left join (
            select order_no, sum(line_amount) as lines_amount
            from {{ ref('stg_orders__order_lines') }}
            where
                order_version = 1
                {%- if numbers %} and order_no in ({{ numbers }})
                {%- elif batches %}
                and order_no in (select order_no from {{ ref('stg_orders__orders') }} where batch_id {{ batches }})
                {%- endif %}
            group by order_no
        ) as line_sums on line_sums.order_no = headers.order_no
        where
            headers.order_version = 1 and headers.status = 'success'
            {%- if numbers %} and headers.order_no in ({{ numbers }}) {%- endif %}
            {%- if batches %} and headers.batch_id {{ batches }}
            {%- else %}
            and headers.batch_id in (
                select batch_id from {{ source('meta', 'model_batches') }}
                where model_name = 'int_reconciliation__pairs'
            )
            {%- endif %}
    ) as orders
    left join {{ pairs or ref('int_reconciliation__pairs') }} as pairs on pairs.batch_id = orders.batch_id and pairs.order_no = orders.order_no
    where pairs.order_no is null
{%- endmacro %}
