with final as (
    select
        file_id,
        batch_id,
        dataset,
        template,
        file_name,
        sha256,
        rows_read,
        rows_loaded,
        rows_rejected,
        rows_repeated,
        rows_blank,
        declared_totals,
        found_totals,
        loaded_at
    from {{ source('raw', 'load_files') }}
)

select * from final
