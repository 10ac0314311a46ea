with final as (
    select batch_id, batch_date
    from {{ source('raw', 'batches') }}
)

select * from final
