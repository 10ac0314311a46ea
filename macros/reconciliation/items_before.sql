{#- The last row of every item that matters now: open at the close of the batch before, or of a number that is touched in this one. `history`
    are the rows of earlier batches, `touched` a step with the numbers, `plain` a query for items that have no row of their own. -#}
{% macro items_before(history, touched, plain='') -%}
with rows_before as (
    select
        batch_id, relation, channel_code, order_no, direction, own_txn_no, is_further_line, currency, result, pool, left_minor, right_minor,
        left_currency, right_currency, is_order_successful, has_other_currency, mismatched_fields, buffer_days, opened_batch_id,
        opened_date, match_kind, decision_no, is_open, is_regressed, left_fee_minor, right_fee_minor
    from {{ history }}
    where
        batch_id < {{ batch_id() }}
        and (
            (batch_id = {{ batch_id() }} - 1 and is_open)
            or (is_changed and order_no in (select order_no from {{ touched }}))
        )
    {%- if plain %}
    union all
    {{ plain | indent(4) }}
    {%- endif %}
),

ranked as (
    select
        rows_before.*,
        row_number() over (partition by relation, channel_code, order_no, direction, own_txn_no order by batch_id desc) as place
    from rows_before
)

select * from ranked
where place = 1
{%- endmacro %}
