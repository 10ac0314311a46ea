with days as (
    select calendar_code, calendar_date, is_business_day from {{ ref('business_days') }}
),

final as (
    select
        calendar_code,
        calendar_date,
        is_business_day,
        sum(case when is_business_day then 1 else 0 end) over (
            partition by calendar_code order by calendar_date
            rows between unbounded preceding and current row
        ) as business_days_so_far
    from days
)

select * from final
