{#- on-run-start: what loading fills and what the materializations write must exist before the first model. -#}
{% macro create_warehouse_tables() %}
    {%- if execute -%}
    {%- set prefix = env_var('SETTLE_SCHEMA_PREFIX', '') -%}
    {{ raw_tables(prefix) }}
    create table if not exists {{ prefix }}meta.seed_files (seed_name text not null, checksum text not null);
    {{ superseded_tables(prefix) }}
    {%- endif -%}
{% endmacro %}

{#- RESET-KEPT: what a reset takes out of a model stays in a table of the same name and columns, with the number of the reset. The models
    are those that say `kept_when_superseded` in their YAML. No model builds these tables, so a full refresh leaves them alone; numbers
    such as clearing_seq are given again after a reset, so no row of theirs may be joined with one of a model. -#}
{% macro superseded_tables(prefix) -%}
    {%- set schema = prefix ~ 'clearing_superseded' -%}
    {%- set there = [] -%}
    {%- for row in run_query("select table_name, column_name from information_schema.columns where table_schema = '" ~ schema ~ "'").rows -%}
        {%- do there.append((row[0], row[1])) -%}
    {%- endfor -%}
    create schema if not exists {{ schema }};
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.get('meta', {}).get('kept_when_superseded') %}
    {%- set columns = node.columns.values() | rejectattr('name', 'in', ['reset_no', 'is_valid']) | list %}
    create table if not exists {{ schema }}.{{ node.name }} (
        reset_no bigint not null
        {%- for column in columns %}, {{ column.name }} {{ column.data_type }}{% endfor %}
    );
    {%- for column in columns if (node.name, 'reset_no') in there and (node.name, column.name) not in there %}
    alter table {{ schema }}.{{ node.name }} add column {{ column.name }} {{ column.data_type }};
    {%- endfor %}
    {%- endfor %}
{%- endmacro %}
