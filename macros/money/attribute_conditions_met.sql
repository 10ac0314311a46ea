{#- Text list of the attribute conditions of the settlement models that a line meets, by its own attributes or else its
    order's. The conditions are read when the model runs, so that lines of a configuration without any cost nothing. -#}
{% macro attribute_conditions_met(line_attributes, order_attributes) -%}
    {%- set conditions = [] -%}
    {%- if execute and load_relation(ref('stg_config__settlement_models')) is not none -%}
        {%- set conditions = run_query(
            "select distinct attribute_name, attribute_value from " ~ ref('stg_config__settlement_models')
            ~ " where attribute_name is not null and attribute_value is not null order by 1, 2"
        ).rows -%}
    {%- endif -%}
    {%- if conditions | length == 0 -%}
        ''
    {%- else -%}
        concat_ws(
            ';'
            {%- for condition in conditions %}
            {%- set name = dbt.string_literal(dbt.escape_single_quotes(condition[0])) -%}
            {%- set value = dbt.string_literal(dbt.escape_single_quotes(condition[1])) %},
            case
                when coalesce({{ json_text(line_attributes, name) }}, {{ json_text(order_attributes, name) }}) = {{ value }}
                    then {{ name }} || '=' || {{ value }}
            end
            {%- endfor %}
        )
    {%- endif -%}
{%- endmacro %}
