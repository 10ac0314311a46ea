{#- Why an order does not clear; the position in the list is the precedence (SORT-REASON). -#}
{% macro exception_reasons() -%}
    {{ return([
        'unknown_currency', 'unknown_product', 'unknown_participant', 'unknown_channel', 'bad_amount',
        'line_total_mismatch', 'no_model', 'several_models', 'no_contract', 'no_rule', 'refund_without_original',
        'refund_exceeds_original', 'correction_after_refund'
    ]) }}
{%- endmacro %}

{% macro reason_code(rank) -%}
    case {{ rank }}
        {%- for reason in exception_reasons() %}
        when {{ loop.index }} then '{{ reason }}'
        {%- endfor %}
    end
{%- endmacro %}

{#- What a person needs to see to mend it: the line and the value that stands in the way. -#}
{% macro reason_detail() -%}
    case
        when reason_rank is not null then
            'line ' || cast(line_no as {{ dbt.type_string() }}) || ': '
            || case reason_rank
                when 1 then 'currency ' || currency
                when 2 then 'product ' || product_code
                when 3 then coalesce('participant ' || participant_id, 'no participant')
                when 4 then 'channel ' || channel_code
                when 5 then coalesce('amount ' || cast(amount_minor as {{ dbt.type_string() }}) || ' minor units', 'no whole amount')
                when 6 then 'header and lines differ'
                when 8 then cast(model_count as {{ dbt.type_string() }}) || ' models of the same priority'
                when 9 then 'model ' || model_code || ', participant ' || participant_id
                when 10 then 'rule ' || rule_missing
                when 13 then 'what has cleared of this order is refunded or is a refund'
                else order_type || ', product ' || coalesce(product_code, 'none') || ', channel ' || coalesce(channel_code, 'none')
            end
    end
{%- endmacro %}
