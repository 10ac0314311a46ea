{{ config(materialized='ephemeral') }}

-- A report that nobody has audited yet is CREATED.
with final as (
    select distinct
        lines.batch_id, lines.spv_code, lines.direction, lines.report_kind,
        {{ report_no('lines.spv_code', 'lines.direction', 'lines.report_kind', 'batches.batch_date') }} as report_no,
        batches.batch_date,
        'CREATED' as state
    from {{ ref('int_spv__report_lines') }} as lines
    inner join {{ ref('stg_loads__batches') }} as batches on batches.batch_id = lines.batch_id
)

select * from final
