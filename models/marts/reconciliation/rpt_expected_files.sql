with batches as (
    select batch_id, batch_date from {{ ref('stg_loads__batches') }}
),

last_batch as (
    select max(batch_date) as last_date from batches
),

days as (
    select * from {{ ref('stg_config__business_days') }}
),

-- A day that the calendar does not have counts as one on which files come: a calendar that ends must not hide what is missing.
expected as (
    select
        files.*, batches.batch_id, batches.batch_date,
        replace(
            replace(files.like_pattern, '{date}', cast(batches.batch_date as {{ dbt.type_string() }})),
            '{yyyymmdd}', replace(cast(batches.batch_date as {{ dbt.type_string() }}), '-', '')
        ) as name_like,
        days.business_days_so_far + files.due_days as business_days_due
    from {{ ref('stg_config__expected_files') }} as files
    cross join batches
    left join days on days.calendar_code = files.calendar_code and days.calendar_date = batches.batch_date
    where coalesce(days.is_business_day, true)
),

due as (
    select
        expected.*,
        coalesce(days.calendar_date, expected.batch_date + cast(expected.due_days as integer)) as due_date
    from expected
    left join days
        on
            days.calendar_code = expected.calendar_code and days.is_business_day
            and days.business_days_so_far = expected.business_days_due
),

-- REC-EXPECTED: a file whose name has no date cannot be told from that of another day, so only its own batch counts.
came as (
    select
        due.dataset, due.template, due.name_pattern, due.batch_id, due.batch_date, due.due_date,
        count(files.file_id) as file_count, min(arrived.batch_id) as came_batch_id, min(arrived.batch_date) as came_date
    from due
    left join {{ ref('rpt_load_batches') }} as files
        on
            files.dataset = due.dataset and files.template = coalesce(due.template, files.template)
            and files.file_name like due.name_like escape '!' and (due.has_date or files.batch_id = due.batch_id)
    left join batches as arrived on arrived.batch_id = files.batch_id
    group by due.dataset, due.template, due.name_pattern, due.batch_id, due.batch_date, due.due_date
),

final as (
    select
        came.batch_id,
        came.batch_date,
        came.dataset,
        came.template,
        came.name_pattern,
        came.due_date,
        came.file_count,
        came.came_batch_id,
        came.came_date,
        came.file_count = 0 and came.due_date <= last_batch.last_date as is_missing,
        cast(greatest(coalesce(came.came_date, last_batch.last_date) - came.due_date, 0) as bigint) as days_late
    from came
    cross join last_batch
)

select * from final
