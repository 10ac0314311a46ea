{{ config(batch_parts=['touched', 'left']) }}

with orders as (
    select * from {{ ref('int_reconciliation__orders_touched') }}
),

sides as (
    select * from {{ ref('int_reconciliation__sides_touched') }}
),

fills_decided as (
    select order_no from {{ ref('int_reconciliation__decisions_due') }}
    where action = 'auto_fill'
),

filled_before as (
    select distinct order_no, order_version from {{ this }}
    where batch_id < {{ batch_id() }} and is_filled_now
),

paired as (
    select
        coalesce(orders.channel_code, sides.channel_code) as channel_code,
        coalesce(orders.order_no, sides.order_no) as order_no,
        coalesce(orders.direction, sides.direction) as direction,
        coalesce(sides.own_txn_no, '') as own_txn_no,
        coalesce(sides.is_further_line, false) as is_further_line,
        orders.order_version,
        orders.status as order_status,
        orders.order_minor,
        orders.currency as order_currency,
        sides.order_no is not null as has_statement,
        sides.amount_minor as statement_minor,
        sides.fee_minor as statement_fee_minor,
        sides.currency as statement_currency,
        coalesce(orders.is_first_seen and sides.is_first_seen, false) as is_first_seen
    from orders
    full outer join sides
        on
            sides.channel_code = orders.channel_code
            and sides.order_no = orders.order_no
            and sides.direction = orders.direction
            and sides.own_txn_no = ''
),

filled as (
    select
        paired.*,
        filled_before.order_no is not null as was_filled,
        -- REC-FILL: theirs paid, ours pending, equal to the unit: our order counts as paid from this batch on.
        filled_before.order_no is null and paired.order_status = 'pending' and paired.has_statement
        and (coalesce(rules.auto_fill, false) or fills_decided.order_no is not null)
        and coalesce(paired.order_minor = paired.statement_minor, false)
        and coalesce(paired.order_currency = paired.statement_currency, false) as is_filled_now
    from paired
    left join filled_before
        on filled_before.order_no = paired.order_no and filled_before.order_version = paired.order_version
    left join fills_decided on fills_decided.order_no = paired.order_no
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'orders_channel' and rules.channel_code = paired.channel_code
),

channel_fees as (
    select count(*) as rule_count from {{ ref('stg_config__billing_rules') }}
    where fee_type = 'channel_fee'
),

-- REC-PLAIN: seen for the first time, on both sides, and equal: matched, and nothing more to say. Nearly all are, so they have no row.
told_apart as (
    select
        filled.*,
        filled.is_first_seen and filled.order_status = 'success' and coalesce(filled.order_minor = filled.statement_minor, false)
        and coalesce(filled.order_currency = filled.statement_currency, false)
        and (filled.statement_fee_minor is null or (select channel_fees.rule_count from channel_fees) = 0) as is_plain_match
    from filled
),

final as (
    {{ part('touched') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        channel_code, order_no, direction, own_txn_no, is_further_line,
        cast(order_version as bigint) as order_version,
        order_status is not null as has_order,
        coalesce(order_status = 'success' or was_filled or is_filled_now, false) as is_order_successful,
        is_filled_now, order_minor, order_currency, has_statement, statement_minor, statement_fee_minor, statement_currency
    from told_apart
    where not is_plain_match
    union all
    {{ part('left') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        channel_code, order_no, direction, own_txn_no, is_further_line, cast(null as bigint) as order_version,
        false as has_order, false as is_order_successful, false as is_filled_now,
        cast(null as bigint) as order_minor, cast(null as {{ dbt.type_string() }}) as order_currency,
        false as has_statement, cast(null as bigint) as statement_minor, cast(null as bigint) as statement_fee_minor,
        cast(null as {{ dbt.type_string() }}) as statement_currency
    from {{ ref('int_reconciliation__items_left') }}
    {{ parts_end() }}
)

select * from final
