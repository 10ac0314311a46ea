{{ config(materialized='ephemeral') }}

-- REC-PLAIN, seen from the other side: which numbers can be something else than a plain match. Only they are looked at closely, and looked up
-- in what came before; nearly all numbers are an order and a line that are equal, of which nothing was heard until now.
with order_lines_seen as (
    select order_no, line_amount from {{ ref('stg_orders__order_lines') }}
    where batch_id = {{ batch_id() }} and order_version = 1
    union all
    select order_no, line_amount from {{ ref('stg_orders__order_lines') }}
    where
        batch_id < {{ batch_id() }} and order_version = 1
        and order_no in (
            select order_no from {{ ref('stg_orders__orders') }}
            where batch_id = {{ batch_id() }}
        )
),

line_sums as (
    select order_no, sum(line_amount) as lines_amount from order_lines_seen
    group by order_no
),

-- An earlier line without its order has its row among the pairs of its batch, and so has an earlier order that is no plain match.
heard_of_before as (
    select order_no from {{ history_of('int_reconciliation__pairs') }}
    where batch_id < {{ batch_id() }}
    union
    select order_no from {{ ref('int_clearing__highest_versions') }}
    union
    select order_no from {{ ref('int_reconciliation__lines_moved') }}
),

-- Only a successful first version of which nothing was heard has an amount here; any other is like no line.
orders as (
    select
        headers.order_no, headers.channel_code, headers.currency,
        case when headers.order_type = 'refund' then 'refund' else 'payment' end as direction,
        case
            when headers.order_version <> 1 or headers.status <> 'success' or heard_of_before.order_no is not null then null
            when line_sums.order_no is null then headers.header_amount
            else line_sums.lines_amount
        end as new_amount
    from {{ ref('stg_orders__orders') }} as headers
    left join line_sums on line_sums.order_no = headers.order_no
    left join heard_of_before on heard_of_before.order_no = headers.order_no
    where headers.batch_id = {{ batch_id() }}
),

channel_fees as (
    select count(*) as rule_count from {{ ref('stg_config__billing_rules') }}
    where fee_type = 'channel_fee'
),

lines as (
    select
        payments.order_no, payments.channel_code, payments.currency, payments.direction,
        case
            when payments.amount_minor is not null and (payments.fee_minor is null or channel_fees.rule_count = 0)
                then payments.statement_amount
        end as plain_amount
    from {{ ref('stg_channel__payments') }} as payments
    cross join channel_fees
    where payments.batch_id = {{ batch_id() }} and payments.status = 'success' and payments.order_no is not null
),

unlike as (
    select coalesce(orders.order_no, lines.order_no) as order_no
    from orders
    full outer join lines on lines.order_no = orders.order_no
    where
        not coalesce(
            orders.new_amount = lines.plain_amount and orders.currency = lines.currency
            and orders.channel_code = lines.channel_code and orders.direction = lines.direction, false
        )
),

final as (
    select order_no from unlike
    union
    -- REC-SINGLE: each of several lines may be equal to the order; together they are not.
    select order_no from {{ ref('stg_channel__payments') }}
    where batch_id = {{ batch_id() }} and status = 'success' and order_no is not null
    group by order_no
    having count(*) > 1
    union
    -- REC-DECIDE: what was decided about a number or a line of it has it looked at again, though nothing came for it.
    select order_no from {{ ref('int_reconciliation__decisions_due') }}
    where action = 'auto_fill' or is_moving_a_line
)

select * from final
