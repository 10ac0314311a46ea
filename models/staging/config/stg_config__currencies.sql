with final as (
    select
        currency,
        exponent,
        cast(
            case exponent when 0 then 1 when 1 then 10 when 2 then 100 when 3 then 1000 when 4 then 10000 end as bigint
        ) as minor_per_major
    from {{ ref('currencies') }}
)

select * from final
