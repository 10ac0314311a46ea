{#- A bill's number derives from its keys, so that building again gives the same number: batch, participant, settlement date and a
    hash that tells accounts, currencies and models apart. Needs the columns of those names. -#}
{% macro bill_no(batch) -%}
    'B' || cast({{ batch }} as {{ dbt.type_string() }}) || '-' || participant_id || '-'
    || replace(cast(settlement_date as {{ dbt.type_string() }}), '-', '') || '-'
    || substr(md5(account_no || '|' || currency || '|' || model_code), 1, 6)
{%- endmacro %}

{#- The number of the payout instruction of a bill: what the bank's answer names. A bill that pays again what came back says in it which
    attempt it is, so that nobody takes one for the other. -#}
{% macro instruction_no(bill_no, attempt_no) -%}
    'PAY-' || {{ bill_no }} || case when {{ attempt_no }} > 1 then '-' || cast({{ attempt_no }} as {{ dbt.type_string() }}) else '' end
{%- endmacro %}
