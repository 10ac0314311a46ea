{{ config(materialized='ephemeral') }}

with cases as (
    select distinct model_no, ordered_date from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and clearing_seq is not null
),

cycles as (
    select
        cases.model_no, models.model_code, cases.ordered_date, models.cycle, models.calendar_code,
        substr(models.cycle, 1, 1) as cycle_kind,
        cast(substr(models.cycle, 2) as integer) as cycle_days,
        models.roll
    from cases
    inner join {{ ref('int_clearing__models_used') }} as models on models.model_no = cases.model_no and models.is_first_use
),

days as (
    select * from {{ ref('stg_config__business_days') }}
),

-- SET-DATE: Tn is the n-th business day after the order's own date, T0 the day itself or the next; Dn is n calendar days later.
counted as (
    select
        cycles.*,
        case when cycles.cycle_kind = 'T' then cycles.ordered_date else cycles.ordered_date + cycles.cycle_days end as from_date,
        case
            when cycles.cycle_kind = 'T' and cycles.cycle_days > 0 then days.business_days_so_far + cycles.cycle_days
            when days.is_business_day then days.business_days_so_far
            else days.business_days_so_far + 1
        end as business_day_no
    from cycles
    left join days
        on
            days.calendar_code = cycles.calendar_code
            and days.calendar_date
            = case when cycles.cycle_kind = 'T' then cycles.ordered_date else cycles.ordered_date + cycles.cycle_days end
),

final as (
    select
        counted.model_no, counted.ordered_date,
        case
            when counted.cycle_kind = 'D' and counted.roll <> 'following' then counted.from_date
            -- A date beyond the calendar is an error, never a guess: a wrong day pays too early or too late.
            when target_days.calendar_date is null
                then {{ fail_with(
                    "'settlement date beyond the calendar: model ' || counted.model_code || ', order date '"
                    ~ " || cast(counted.ordered_date as " ~ dbt.type_string() ~ ") || ', cycle ' || counted.cycle"
                    ~ " || ': extend business_days for calendar ' || counted.calendar_code || ' and build again'", 'date'
                ) }}
            else target_days.calendar_date
        end as settlement_date
    from counted
    left join days as target_days
        on
            target_days.calendar_code = counted.calendar_code
            and target_days.business_days_so_far = counted.business_day_no
            and target_days.is_business_day
)

select * from final
