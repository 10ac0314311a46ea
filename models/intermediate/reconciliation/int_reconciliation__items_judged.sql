{{ config(materialized='ephemeral') }}

with pairs as (
    select
        pairs.*,
        coalesce(pairs.order_currency, pairs.statement_currency) as currency,
        {{ differs('pairs.order_currency', 'pairs.statement_currency') }}
        or pairs.statement_minor is null as is_other_currency,
        coalesce(rules.amount_tolerance_minor, 0) as amount_tolerance_minor,
        coalesce(rules.buffer_days, 3) as buffer_days,
        fees.fee_minor as expected_fee_minor
    from {{ ref('int_reconciliation__pairs') }} as pairs
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'orders_channel' and rules.channel_code = pairs.channel_code
    left join {{ ref('int_reconciliation__fees_expected') }} as fees
        on fees.order_no = pairs.order_no and fees.order_version = pairs.order_version and pairs.direction = 'payment'
    where pairs.batch_id = {{ batch_id() }}
),

-- REC-RESULT: one result per item, the most structural fact first.
final as (
    select
        channel_code, order_no, direction, own_txn_no, is_further_line, currency, buffer_days, is_order_successful, has_statement, is_filled_now,
        case when has_order and (is_order_successful or has_statement) then order_minor end as left_minor,
        case when has_order then order_currency end as left_currency,
        case when has_statement then statement_minor end as right_minor,
        case when has_statement then statement_currency end as right_currency,
        expected_fee_minor as left_fee_minor,
        case when has_statement then statement_fee_minor end as right_fee_minor,
        has_statement and has_order and is_other_currency as is_other_currency,
        case
            when is_further_line and has_statement then 'duplicate_channel'
            when not has_statement and is_order_successful then 'platform_only'
            when not has_statement then 'nothing'
            when not has_order then 'channel_only'
            when is_other_currency then 'currency_mismatch'
            when not is_order_successful then 'status_mismatch'
            when order_minor is null or abs(statement_minor - order_minor) > amount_tolerance_minor then 'amount_mismatch'
            when statement_fee_minor <> expected_fee_minor then 'fee_mismatch'
            when {{ differs('statement_minor', 'order_minor') }} then 'within_tolerance'
            else 'equal'
        end as finding,
        concat_ws(
            ';',
            case when has_order and has_statement and {{ differs('order_currency', 'statement_currency') }} then 'currency' end,
            case when has_order and has_statement and not is_order_successful then 'status' end,
            case when has_order and has_statement and {{ differs('statement_minor', 'order_minor') }} then 'amount' end,
            case when has_statement and statement_fee_minor <> expected_fee_minor then 'fee' end
        ) as mismatched_fields
    from pairs
)

select * from final
