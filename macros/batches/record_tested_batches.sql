{#- A batch counts as tested when one `dbt build` or `dbt test` ran every data test of the project and none failed.
    Until then every run tests it again, so a failure cannot be made green by running twice. -#}
{% macro record_tested_batches(results) %}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set wanted = graph.nodes.values() | selectattr('resource_type', 'equalto', 'test') | map(attribute='unique_id') | list -%}
        {%- set passed = [] -%}
        {%- for result in results if result.node.resource_type == 'test' and result.status | string in ('pass', 'warn') -%}
            {%- do passed.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- if wanted | reject('in', passed) | list | length == 0 -%}
            {%- set prefix = env_var('SETTLE_SCHEMA_PREFIX', '') -%}
            insert into {{ prefix }}meta.tested_batches
            select distinct built.batch_id, '{{ invocation_id }}'
            from {{ prefix }}meta.model_batches as built
            left join {{ prefix }}meta.tested_batches as tested on tested.batch_id = built.batch_id
            where tested.batch_id is null
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Data tests read only what no complete test run has covered yet; SETTLE_TEST_ALL=1 makes them read everything. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where') -%}
    {%- if where == 'untested batches' -%}
        {%- if env_var('SETTLE_TEST_ALL', '') == '1' -%}
            {% do return(relation) %}
        {%- endif -%}
        {%- set prefix = env_var('SETTLE_SCHEMA_PREFIX', '') -%}
        {%- set filtered -%}
            (select * from {{ relation }} where batch_id > (select coalesce(max(batch_id), 0) from {{ prefix }}meta.tested_batches)) dbt_subquery
        {%- endset -%}
        {% do return(filtered) %}
    {%- elif where -%}
        {%- set filtered -%} (select * from {{ relation }} where {{ where }}) dbt_subquery {%- endset -%}
        {% do return(filtered) %}
    {%- else -%}
        {% do return(relation) %}
    {%- endif -%}
{%- endmacro %}

{#- The same condition for tests written as SQL. -#}
{% macro is_untested(batch_id='batch_id') -%}
    {%- if env_var('SETTLE_TEST_ALL', '') == '1' -%} true
    {%- else -%} {{ batch_id }} > (select coalesce(max(batch_id), 0) from {{ source('meta', 'tested_batches') }})
    {%- endif -%}
{%- endmacro %}
