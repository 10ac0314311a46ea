{#- A bill's number derives from its keys, so that building again gives the same number: batch, participant, settlement date and a
    hash that tells accounts, currencies and models apart. Needs the columns of those names. -#}
{% macro bill_no(batch) -%}
    'B' || cast({{ batch }} as {{ dbt.type_string() }}) || '-' || participant_id || '-'
    || replace(cast(settlement_date as {{ dbt.type_string() }}), '-', '') || '-'
    || substr(md5(account_no || '|' || currency || '|' || model_code), 1, 6)
{%- endmacro %}

{#- The number of the payout instruction of a bill: what the bank's answer names. -#}
{% macro instruction_no(bill_no) -%} 'PAY-' || {{ bill_no }} {%- endmacro %}
