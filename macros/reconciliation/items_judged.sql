{#- What comparing its two sides finds of each item, whatever was known before (REC-RELATION: of every relation alike). `sides` is a step
    with the columns that int_reconciliation__items_judged gives, `fees` what fees to expect, where a relation has any. -#}
{% macro items_judged(sides, fees=none) -%}
with pairs as (
    select
        sides.*,
        coalesce(sides.order_currency, sides.statement_currency) as currency,
        {{ differs('sides.order_currency', 'sides.statement_currency') }}
        or sides.statement_minor is null as is_other_currency,
        coalesce(rules.amount_tolerance_minor, 0) as amount_tolerance_minor,
        coalesce(rules.buffer_days, 3) as buffer_days,
        {{ 'fees.fee_minor' if fees else 'cast(null as bigint)' }} as expected_fee_minor
    from {{ sides }} as sides
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = sides.relation and rules.channel_code = sides.channel_code
    {%- if fees %}
    left join {{ fees }} as fees
        on
            fees.order_no = sides.order_no and fees.order_version = sides.order_version
            and sides.direction = 'payment' and sides.relation = 'orders_channel'
    {%- endif %}
)

-- REC-RESULT: one result per item, the most structural fact first.
select
    relation, channel_code, order_no, direction, own_txn_no, is_further_line, currency, buffer_days, is_order_successful,
    has_statement, is_filled_now,
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
        when is_ambiguous then 'ambiguous'
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
{%- endmacro %}
