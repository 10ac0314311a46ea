{#- What settlement models can ask of a line. The values that models name are read when the model runs: every other value folds
    into the empty text, so lines fall into few cases and models are matched once per case instead of once per line. -#}

{#- The named values of one column of the settlement models, as SQL literals. -#}
{% macro values_named_by_models(column) -%}
    {%- set literals = [] -%}
    {%- set models = ref('stg_config__settlement_models') -%}
    {%- if execute and load_relation(models) is not none -%}
        {%- for row in run_query(
            "select distinct " ~ column ~ " from " ~ models ~ " where " ~ column ~ " is not null order by 1"
        ).rows -%}
            {%- do literals.append(dbt.string_literal(dbt.escape_single_quotes(row[0]))) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(literals) }}
{%- endmacro %}

{% macro folded(value, column) -%}
    {%- set literals = values_named_by_models(column) -%}
    {%- if literals -%} coalesce(case when {{ value }} in ({{ literals | join(', ') }}) then {{ value }} end, '')
    {%- else -%} '' {%- endif -%}
{%- endmacro %}

{#- The case of a line, as one text (with the order's date it is the key of a case); `orders` and `lines` are the aliases of an
    order and its line (null where the order has none). -#}
{% macro case_parts(orders, lines) -%}
    {{ return({
        'order_type': orders ~ '.order_type',
        'case_product': folded('coalesce(' ~ lines ~ '.product_code, ' ~ orders ~ '.product_code)', 'product_code') | trim,
        'case_participant': folded('coalesce(' ~ lines ~ '.participant_id, ' ~ orders ~ '.participant_id)', 'participant_id') | trim,
        'case_channel': folded(orders ~ '.channel_code', 'channel_code') | trim,
        'case_attributes': attribute_conditions_met(lines ~ '.attributes', orders ~ '.attributes') | trim,
        'currency': orders ~ '.currency'
    }) }}
{%- endmacro %}

{#- Parts that no model asks for are the same for every line and stay out of the key. -#}
{% macro case_key(orders, lines) -%}
    {{ case_parts(orders, lines).values() | reject('equalto', "''") | join(" || '|' || ") }}
{%- endmacro %}

{#- The same key from columns that have the names of the parts. -#}
{% macro case_key_of_parts() -%}
    {%- set names = [] -%}
    {%- for name, expression in case_parts('orders', 'lines').items() if expression != "''" -%} {%- do names.append(name) -%} {%- endfor -%}
    {{ names | join(" || '|' || ") }}
{%- endmacro %}

{#- Text list of the attribute conditions that a line meets, by its own attributes or else its order's. -#}
{% macro attribute_conditions_met(line_attributes, order_attributes) -%}
    {%- set conditions = [] -%}
    {%- set models = ref('stg_config__settlement_models') -%}
    {%- if execute and load_relation(models) is not none -%}
        {%- set conditions = run_query(
            "select distinct attribute_name, attribute_value from " ~ models
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

{#- True when a table of the configuration has rows (that meet a condition), as it is when the model runs. -#}
{% macro has_rows(relation, condition='true') -%}
    {%- if execute and load_relation(relation) is not none -%}
        {{ return(run_query('select count(*) from (select 1 from ' ~ relation ~ ' where ' ~ condition ~ ' limit 1) as any_row').columns[0].values()[0] | int > 0) }}
    {%- endif -%}
    {{ return(true) }}
{%- endmacro %}
