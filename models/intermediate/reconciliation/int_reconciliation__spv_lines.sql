{{ config(materialized='ephemeral') }}

with numbers as (
    select order_no, currency as order_currency from {{ ref('int_reconciliation__spv_orders') }}
),

lines as (
    select
        lines.*, coalesce(rules.statement_grouping, 'single') as grouping_rule,
        case when lines.currency = numbers.order_currency then 0 else 1 end as is_other_currency
    from {{ ref('stg_spv__reports') }} as lines
    inner join numbers on numbers.order_no = lines.order_no
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'orders_spv' and rules.channel_code = lines.spv_code
    where
        lines.from_batch_id <= {{ batch_id() }} and coalesce(lines.until_batch_id, {{ batch_id() }} + 1) > {{ batch_id() }}
        and lines.status = 'success'
        and lines.report_kind in ('subscription', 'redemption', 'repayment')
),

-- Where lines add up they do by currency; else each line stands alone.
units as (
    select
        spv_code, order_no, report_kind, currency, is_other_currency, min(batch_id) as batch_id, min(confirmed_date) as confirmed_date,
        case when grouping_rule = 'sum' then currency else spv_txn_no end as unit_no,
        {{ minor_sum('amount_minor') }} as report_minor,
        count(*) - count(amount_minor) as unknown_count
    from lines
    group by
        spv_code, order_no, report_kind, currency, is_other_currency, case when grouping_rule = 'sum' then currency else spv_txn_no end
),

ranked as (
    select
        units.*,
        row_number() over (
            partition by spv_code, order_no, report_kind
            order by is_other_currency, batch_id, confirmed_date nulls last, {{ bytewise('unit_no') }}
        ) as place
    from units
),

final as (
    select
        spv_code, order_no, report_kind, case when place = 1 then '' else unit_no end as own_txn_no, place > 1 as is_further_line,
        currency, case when unknown_count = 0 then report_minor end as report_minor
    from ranked
    union all
    select spv_code, '', report_kind, spv_txn_no, false, currency, amount_minor from {{ ref('stg_spv__reports') }}
    where
        from_batch_id = {{ batch_id() }} and status = 'success' and order_no is null
        and report_kind in ('subscription', 'redemption', 'repayment')
)

select * from final
