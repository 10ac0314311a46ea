{#- A batch goes by the settlement models that were kept when its build began (int_clearing__models_used). Where the build stopped and the
    models were changed before it went on, lines would find no model, or another one, without anybody seeing why: so it does not go on.
    A hook of the model that sorts the lines. -#}
{% macro refuse_models_changed_half_way(configured, models_used) -%}
    {%- if execute -%}
        {%- set marks = env_var('SETTLE_SCHEMA_PREFIX', '') ~ 'meta.model_batches' -%}
        {%- set found = run_query(
            "with half_built as (select batch_id from " ~ marks ~ " where model_name = '" ~ models_used.identifier ~ "' except "
            ~ "select batch_id from " ~ marks ~ " where model_name = '" ~ model.name ~ "'), "
            ~ "now as (select distinct half_built.batch_id, configured.model_key, configured.model_code from " ~ configured
            ~ " as configured cross join half_built), "
            ~ "kept as (select used.batch_id, used.model_key, used.model_code from " ~ models_used
            ~ " as used inner join half_built on half_built.batch_id = used.batch_id) "
            ~ "select coalesce(now.batch_id, kept.batch_id), coalesce(now.model_code, kept.model_code) from now full outer join kept "
            ~ "on kept.batch_id = now.batch_id and kept.model_key = now.model_key "
            ~ "where now.batch_id is null or kept.batch_id is null order by 1, 2 limit 1"
        ).rows -%}
        {%- if found | length > 0 -%}
            {% do exceptions.raise_compiler_error(
                "settlement model " ~ found[0][1] ~ " was changed while batch " ~ found[0][0] ~ " was half built. Put it back as it was and run"
                ~ " again; then change it, and `settle reset --from-batch " ~ found[0][0] ~ "` clears the batch by it."
            ) %}
        {%- endif -%}
    {%- endif -%}
    select 1
{%- endmacro %}
