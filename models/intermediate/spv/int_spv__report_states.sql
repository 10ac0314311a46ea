{{ config(materialized='ephemeral') }}

with audited as (
    select object_kind, object_id, to_name from {{ ref('stg_decisions__audit_journal') }}
    where is_last
),

reports as (
    select distinct
        lines.batch_id, lines.spv_code, lines.direction, lines.report_kind, batches.batch_date,
        {{ report_no('lines.spv_code', 'lines.direction', 'lines.report_kind', 'batches.batch_date') }} as report_no
    from {{ ref('int_spv__report_lines') }} as lines
    inner join {{ ref('stg_loads__batches') }} as batches on batches.batch_id = lines.batch_id
),

-- A report that nobody has put under audit yet is CREATED.
final as (
    select reports.*, coalesce(audited.to_name, 'CREATED') as state
    from reports
    left join audited on audited.object_kind = 'spv_report_' || reports.direction and audited.object_id = reports.report_no
)

select * from final
