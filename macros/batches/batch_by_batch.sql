{#- Runs a model's SQL once for every batch that is loaded and not yet built, in order, each in one transaction with its
    mark in meta.model_batches. The SQL names its batch by batch_id() and batch_date(), and may read its own earlier rows
    through `this`. A model whose later rows build on its earlier ones of the same batch runs in parts, all in one transaction:
    its last CTE is a union whose members begin with part('name'), and parts_end() stands behind them; each runs alone, in the order
    of `batch_parts` (or of the list that `batch_parts_macro` gives, where it depends on the configuration). 'name:value' runs the part
    `name` with batch_part() as that value, and 'repeat a:1,b:1' runs both in turn until neither adds a row.
    After a failure the next run goes on at the batch that failed. The columns come from the contract. -#}
{% materialization batch_by_batch, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set marks = env_var('SETTLE_SCHEMA_PREFIX', '') ~ 'meta.model_batches' -%}
    {%- set batches = env_var('SETTLE_SCHEMA_PREFIX', '') ~ 'raw.batches' -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}

    {%- if existing is none or should_full_refresh() -%}
        {%- if existing is not none -%} {% do adapter.drop_relation(existing) %} {%- endif -%}
        {% call statement('create') %}
            create table {{ target_relation }} {{ get_table_columns_and_constraints() }};
            {% for columns in config.get('batch_indexes', []) %}
            {{ batch_index(target_relation, columns) }}
            {% endfor %}
            delete from {{ marks }} where model_name = '{{ model.name }}';
        {% endcall %}
        {{ adapter.commit() }}
    {%- endif -%}

    {%- set upstream = upstream_batch_models(model.unique_id) -%}
    {%- set pending = run_query(pending_batches_sql(model.name, upstream, batches, marks)).rows -%}
    {%- set parts = context[config.get('batch_parts_macro')]() if config.get('batch_parts_macro') else config.get('batch_parts', ['']) -%}
    {%- if pending | length == 0 -%}
        {% call noop_statement('main', 'NOTHING NEW', 'NOTHING NEW', 0) %}{% endcall %}
    {%- else -%}
        {%- do check_parts(sql, parts) -%}
        {#- Batch 0 has no rows: the check of the contract runs the query, and must not compute a whole batch for it. -#}
        {%- do get_assert_columns_equivalent(sql_of_batch(sql, 0, pending[0][1], parts[0])) -%}
    {%- endif -%}
    {%- for batch in pending -%}
        {#- The batch closes before its first rows are computed, in its own transaction: what arrives from now on goes to the next. -#}
        {% call statement('close_batch') %}
            update {{ batches }} set closed_at = {{ dbt.current_timestamp() }} where batch_id = {{ batch[0] }} and closed_at is null
        {% endcall %}
        {{ adapter.commit() }}
        {{ begin_transaction() }}
        {%- for part in parts -%}
            {%- if part.startswith('repeat ') -%}
                {%- set ends = namespace(rows=run_query(rows_of_batch(target_relation, batch[0])).columns[0].values()[0], reached=false) -%}
                {%- for turn in range(99999) -%}
                    {%- for repeated in part[7:].split(',') -%}
                        {{ insert_part(target_relation, sql_of_batch(sql, batch[0], batch[1], repeated)) }}
                    {%- endfor -%}
                    {%- set rows = run_query(rows_of_batch(target_relation, batch[0])).columns[0].values()[0] -%}
                    {%- set ends.reached = rows == ends.rows -%}
                    {%- set ends.rows = rows -%}
                    {%- if ends.reached -%} {%- break -%} {%- endif -%}
                {%- endfor -%}
                {%- if not ends.reached -%} {% do exceptions.raise_compiler_error(model.name ~ ': ' ~ part ~ ' came to no end') %} {%- endif -%}
            {%- else -%}
                {{ insert_part(target_relation, sql_of_batch(sql, batch[0], batch[1], part)) }}
            {%- endif -%}
        {%- endfor -%}
        {% call statement('mark_batch') %}
            insert into {{ marks }} values ('{{ model.name }}', {{ batch[0] }}, '{{ invocation_id }}')
        {% endcall %}
        {{ adapter.commit() }}
    {%- endfor -%}
    {%- if pending | length > 0 -%}
        {% call statement('after') %} {{ after_batches(target_relation) }} {% endcall %}
        {{ adapter.commit() }}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- The batch a model's SQL is run for: markers that the materialization replaces; unit tests override these macros. -#}
{% macro batch_id() -%} __batch_id__ {%- endmacro %}
{% macro batch_date() -%} __batch_date__ {%- endmacro %}
{% macro batch_part() -%} __batch_part__ {%- endmacro %}

{#- Numbers that a batch gives out count from here: a hundred million of each kind. In four bytes they would end at batch 21. -#}
{% macro first_number_of_batch() -%} (cast({{ batch_id() }} as bigint) * 100000000) {%- endmacro %}

{% macro rows_of_batch(relation, batch_id) -%} select count(*) from {{ relation }} where batch_id = {{ batch_id }} {%- endmacro %}

{% macro insert_part(relation, sql) -%}
    {% call statement('main') %}
        insert into {{ relation }} ({{ model.columns.values() | map(attribute='name') | join(', ') }})
        select {{ model.columns.values() | map(attribute='name') | join(', ') }}
        from (
        {{ sql }}
        ) as rows_of_batch
    {% endcall %}
{%- endmacro %}

{#- The statement of one part. Where the SQL has no parts it is the whole. -#}
{% macro sql_of_batch(sql, batch_id, batch_date, part) -%}
    {%- set name, value = (part | string ~ ':1').split(':')[:2] -%}
    {%- set before, parts_and_rest = (sql.split('/* part: ', 1) + [''])[:2] -%}
    {%- set chosen = [] -%}
    {%- if parts_and_rest -%}
        {%- set parts, rest = parts_and_rest.split('/* parts end */') -%}
        {%- for text in parts.split('/* part: ') if text.split(' */')[0] == name -%}
            {%- set body = text.split(' */', 1)[1] | trim -%}
            {%- do chosen.append(body[:-9] if body.endswith('union all') else body) -%}
        {%- endfor -%}
        {%- if chosen | length != 1 -%}
            {% do exceptions.raise_compiler_error('part ' ~ name ~ ' is there ' ~ chosen | length ~ ' times in:\n' ~ sql) %}
        {%- endif -%}
        {%- do chosen.append(rest) -%}
    {%- endif -%}
    {%- set body = chosen | join('\n') -%}
    {{ (steps_needed(before, body) ~ body) | replace('__batch_id__', batch_id | string) | replace('__batch_date__', "cast('" ~ batch_date ~ "' as date)")
        | replace('__batch_part__', value) }}
{%- endmacro %}

{#- The steps that dbt puts in front (ephemeral models, each after those it reads) without the ones that the part does not read: DuckDB takes
    longer to read all of them than to run the part. The last one is followed by the model's own steps, so it always stays. -#}
{% macro steps_needed(before, body) -%}
    {%- set mark = '__dbt__cte__' -%}
    {%- set first = modules.re.search(mark ~ '\\w+ as \\(', before) -%}
    {%- if first is none -%} {{ return(before) }} {%- endif -%}
    {%- set steps = before[first.start() + mark | length:].split('),  ' ~ mark) -%}
    {%- set needed = namespace(steps=[steps[-1]], text=steps[-1] ~ body) -%}
    {%- for step in steps[:-1] | reverse -%}
        {%- if modules.re.search(mark ~ step.split(' as (', 1)[0] ~ '\\b', needed.text) -%}
            {%- set needed.steps = [step] + needed.steps -%}
            {%- set needed.text = needed.text ~ step -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(before[:first.start()] ~ mark ~ needed.steps | join('),  ' ~ mark)) }}
{%- endmacro %}

{#- A part that is never run, or run without being there, would lose or double rows. -#}
{% macro check_parts(sql, parts) -%}
    {%- set listed = [] -%}
    {%- for part in parts if part -%}
        {%- for name in (part[7:] if part.startswith('repeat ') else part).split(',') -%} {%- do listed.append(name.split(':')[0]) -%} {%- endfor -%}
    {%- endfor -%}
    {%- set written = [] -%}
    {%- for text in sql.split('/* part: ')[1:] -%} {%- do written.append(text.split(' */')[0]) -%} {%- endfor -%}
    {%- set not_run = [] if config.get('batch_parts_macro') else written | reject('in', listed) | list -%}
    {%- if listed | reject('in', written) | list or not_run or (written and sql.count('/* parts end */') != 1) -%}
        {% do exceptions.raise_compiler_error(
            model.name ~ ': parts of the SQL are ' ~ written | join(', ') ~ ', parts to run are ' ~ listed | join(', ')
            ~ '; every part must be run (a macro may leave some out), and parts_end() must stand once behind them'
        ) %}
    {%- endif -%}
{%- endmacro %}

{#- Beginning of a part, and the end of the last one. -#}
{% macro part(name) -%} /* part: {{ name }} */ {%- endmacro %}
{% macro parts_end() -%} /* parts end */ {%- endmacro %}

{#- A batch is due when this model has not built it and every model above has: building it earlier would take empty input for the truth. -#}
{% macro pending_batches_sql(model_name, upstream, batches, marks) -%}
    select batches.batch_id, batches.batch_date
    from {{ batches }} as batches
    left join {{ marks }} as own on own.model_name = '{{ model_name }}' and own.batch_id = batches.batch_id
    where own.batch_id is null
    {%- for name in upstream %}
        and exists (select 1 from {{ marks }} as above where above.model_name = '{{ name }}' and above.batch_id = batches.batch_id)
    {%- endfor %}
    order by batches.batch_id
{%- endmacro %}

{#- Names of the nearest batch_by_batch models above a node, looking through views and ephemeral models. -#}
{% macro upstream_batch_models(unique_id) -%}
    {%- set found = [] -%}
    {%- set queue = graph.nodes[unique_id].depends_on.nodes | list -%}
    {%- for id in queue -%}
        {%- set node = graph.nodes.get(id) -%}
        {%- if node and node.resource_type == 'model' -%}
            {%- if node.config.materialized == 'batch_by_batch' -%}
                {%- if node.name not in found -%} {%- do found.append(node.name) -%} {%- endif -%}
            {%- else -%}
                {%- for above in node.depends_on.nodes if above not in queue -%} {%- do queue.append(above) -%} {%- endfor -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- The rows a batch_by_batch model has written before: for the private steps of that model, which can't ref it. -#}
{% macro history_of(model_name) -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model_name -%}
            {{ node.relation_name }}
        {%- endfor -%}
    {%- else -%} history_of_{{ model_name }} {%- endif -%}
{%- endmacro %}

{% macro batch_index(relation, columns) -%} {{ adapter.dispatch('batch_index', 'settlement_warehouse')(relation, columns) }} {%- endmacro %}
{% macro default__batch_index(relation, columns) -%} {%- endmacro %}
{% macro postgres__batch_index(relation, columns) -%} create index on {{ relation }} ({{ columns }}); {%- endmacro %}

{% macro after_batches(relation) -%} {{ adapter.dispatch('after_batches', 'settlement_warehouse')(relation) }} {%- endmacro %}
{% macro default__after_batches(relation) -%} select 1 {%- endmacro %}
{% macro postgres__after_batches(relation) -%} analyze {{ relation }} {%- endmacro %}
