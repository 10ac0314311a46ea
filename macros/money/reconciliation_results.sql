{#- Every result an item can have; each has a count and an amount in the totals. -#}
{% macro reconciliation_results() -%}
    {{ return([
        'matched', 'matched_late', 'amount_mismatch', 'fee_mismatch', 'currency_mismatch', 'status_mismatch', 'platform_only',
        'channel_only', 'duplicate_channel', 'ambiguous'
    ]) }}
{%- endmacro %}
