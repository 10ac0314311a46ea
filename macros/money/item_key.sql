{#- The name of a reconciliation item: its channel and order number, marked for refunds and for statement lines that are items of
    their own. Needs the columns channel_code, order_no, direction, own_txn_no, is_further_line. -#}
{% macro item_key() -%}
    channel_code || '|' || order_no || case when direction = 'refund' then '|refund' else '' end
    || case when is_further_line then '|dup|' when own_txn_no <> '' then '|txn|' else '' end || own_txn_no
{%- endmacro %}
