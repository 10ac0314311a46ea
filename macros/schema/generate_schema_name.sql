{#- Schemas have exactly the names of the contract; a prefix may be set for shared databases. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var('SETTLE_SCHEMA_PREFIX', '') }}{{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
