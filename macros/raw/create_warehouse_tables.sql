{#- on-run-start: what loading fills and what the materializations write must exist before the first model. -#}
{% macro create_warehouse_tables() %}
    {%- if execute -%}
    {%- set prefix = env_var('SETTLE_SCHEMA_PREFIX', '') -%}
    {{ raw_tables(prefix) }}
    create table if not exists {{ prefix }}meta.seed_files (seed_name text not null, checksum text not null);
    {%- endif -%}
{% endmacro %}
