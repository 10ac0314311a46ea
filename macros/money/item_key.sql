{#- The name of a reconciliation item: its channel and order number, marked for refunds and for statement lines that are items of
    their own; a settlement batch of a channel by its number and currency, which stands in own_txn_no. Needs the columns channel_code,
    order_no, direction, own_txn_no, is_further_line, and `relation`: a column, or the text of one relation. -#}
{% macro item_key(relation='relation') -%}
    channel_code || '|' || order_no || case when direction = 'refund' then '|refund' when {{ relation }} = 'orders_spv' then '|' || direction else '' end
    || case when is_further_line then '|dup|' when {{ relation }} = 'channel_bank' then '|' when own_txn_no <> '' then '|txn|' else '' end || own_txn_no
{%- endmacro %}
