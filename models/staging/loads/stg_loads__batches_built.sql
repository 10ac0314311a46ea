with final as (
    select
        batches.batch_id,
        batches.batch_date
    from {{ source('raw', 'batches') }} as batches
    inner join {{ source('meta', 'model_batches') }} as built
        on built.batch_id = batches.batch_id and built.model_name = 'int_settlement__bills_netted'
)

select * from final
