{#- The items that were matched when they were first seen, from the pairs, in the columns of int_reconciliation__items that others read. -#}
{% macro plain_matches(condition) -%}
    select
        batch_id, channel_code, order_no, direction, own_txn_no, is_further_line, order_currency as currency,
        'matched' as result, 'none' as pool, order_minor as left_minor, statement_minor as right_minor,
        order_currency as left_currency, statement_currency as right_currency, true as is_order_successful,
        false as has_other_currency, '' as mismatched_fields, cast(null as bigint) as buffer_days, batch_id as opened_batch_id,
        cast(null as date) as opened_date, 'auto' as match_kind, cast(null as {{ dbt.type_string() }}) as decision_no, false as is_open, false as is_regressed,
        cast(null as bigint) as left_fee_minor, cast(null as bigint) as right_fee_minor
    from {{ ref('int_reconciliation__pairs') }}
    where is_plain_match and {{ condition }}
{%- endmacro %}
