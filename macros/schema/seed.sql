{#- A seed is loaded when its file changed, into a table of the declared columns: a configuration folder may leave
    columns out (they are null) and order them as it likes. Rows and checksum are written in one transaction. -#}
{% materialization seed, default %}
    {%- set prefix = env_var('SETTLE_SCHEMA_PREFIX', '') -%}
    {%- set seed_files = prefix ~ 'meta.seed_files' -%}
    {%- set seed_name = model.package_name ~ '.' ~ model.name -%}
    {%- set checksum = model.checksum.checksum ~ ':' ~ local_md5(tojson(config.get('column_types', {}))) -%}
    {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=model.alias) -%}
    {%- set recorded = run_query("select checksum from " ~ seed_files ~ " where seed_name = '" ~ seed_name ~ "'") -%}
    {%- set loaded = recorded.columns[0].values() | list -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- if existing is not none and loaded == [checksum] and not should_full_refresh() -%}
        {%- do store_result('agate_table', response='OK', agate_table=recorded) -%}
    {%- else -%}
        {%- set agate_table = load_agate_table() -%}
        {%- do store_result('agate_table', response='OK', agate_table=agate_table) -%}
        {%- set declared = config.get('column_types', {}) -%}
        {%- for column in agate_table.column_names if column not in declared -%}
            {% do exceptions.raise_compiler_error(model.original_file_path ~ ': column "' ~ column ~ '" is not one of ' ~ (declared | list | join(', ')) ~ '. Remove or rename it.') %}
        {%- endfor -%}
        {{ begin_transaction() }}
        {%- call statement('create') -%}
            create table if not exists {{ target_relation }} (
                {%- for column, type in declared.items() %}
                {{ column }} {{ type }}{{ ',' if not loop.last }}
                {%- endfor %}
            )
        {%- endcall -%}
        {#- A table of an earlier version lacks the columns that were declared since. -#}
        {%- if existing is not none -%}
            {%- set present = adapter.get_columns_in_relation(existing) | map(attribute='name') | map('lower') | list -%}
            {%- for column, type in declared.items() if column not in present -%}
                {%- call statement('add_column') -%} alter table {{ target_relation }} add column {{ column }} {{ type }} {%- endcall -%}
            {%- endfor -%}
        {%- endif -%}
        {%- call statement('empty') -%} delete from {{ target_relation }} {%- endcall -%}
        {%- if agate_table.rows | length > 0 -%}
            {{ load_seed_rows(model, agate_table, target_relation) }}
        {%- endif -%}
        {% call statement('mark') %}
            delete from {{ seed_files }} where seed_name = '{{ seed_name }}';
            insert into {{ seed_files }} values ('{{ seed_name }}', '{{ checksum }}')
        {% endcall %}
        {{ adapter.commit() }}
    {%- endif -%}
    {#- A statement named `main` would be written to the run folder under the seed's own path, which for a folder outside the
        project is the configuration file itself: dbt would overwrite it. So the result is stored without one. -#}
    {%- do store_raw_result('main', message='OK', code='OK', rows_affected=agate_table.rows | length if agate_table else 0) -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro load_seed_rows(model, agate_table, relation) -%}
    {{ adapter.dispatch('load_seed_rows', 'settlement_warehouse')(model, agate_table, relation) }}
{%- endmacro %}

{% macro default__load_seed_rows(model, agate_table, relation) -%}
    {{ load_csv_rows(model, agate_table) }}
{%- endmacro %}

{#- DuckDB reads the file itself; the columns are named because the file may order them differently. -#}
{% macro duckdb__load_seed_rows(model, agate_table, relation) -%}
    {% do adapter.add_query("copy " ~ relation ~ " (" ~ agate_table.column_names | join(', ') ~ ") from '"
        ~ adapter.get_seed_file_path(model) ~ "' (format csv, header true, nullstr '')", abridge_sql_log=True) %}
{%- endmacro %}
