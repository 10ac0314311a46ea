{#- The parts in which a batch is allocated: one per place of a sequence rule (a bearer is asked for what the ones before it left),
    then the residual bearers, the releases of refunds, and the closing balances. -#}
{% macro allocation_parts() -%}
    {%- set places = run_query(
        "select coalesce(max(place), 1) from " ~ ref('stg_config__allocation_bearers') ~ " where method = 'sequence' and not is_residual"
    ).columns[0].values()[0] | int -%}
    {{ return(range(1, places + 1) | list + [residual_part(), release_part(), balance_part()]) }}
{%- endmacro %}

{% macro residual_part() -%} {{ return(1001) }} {%- endmacro %}
{% macro release_part() -%} {{ return(1002) }} {%- endmacro %}
{% macro balance_part() -%} {{ return(1003) }} {%- endmacro %}
