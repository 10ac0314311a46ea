with files as (
    select
        dataset,
        template,
        coalesce(name_pattern, '*') as name_pattern,
        calendar_code,
        coalesce(due_days, 0) as due_days
    from {{ ref('expected_files') }}
),

final as (
    select
        files.*,
        name_pattern like '%{date}%' or name_pattern like '%{yyyymmdd}%' as has_date,
        -- A star stands for any letters; what `like` takes for a sign of its own stands for itself.
        replace(replace(replace(replace(name_pattern, '!', '!!'), '%', '!%'), '_', '!_'), '*', '%') as like_pattern
    from files
)

select * from final
