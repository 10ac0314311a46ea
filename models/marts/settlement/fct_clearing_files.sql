-- Marts of this schema read no view of it, see fct_settlement_entries.
with files as (
    select * from {{ ref('stg_decisions__payout_files') }}
),

instructions as (
    select instruction_no, file_no, status from {{ ref('int_settlement__payout_instructions') }}
),

final as (
    select
        files.file_no,
        files.currency,
        files.state,
        case
            when files.state <> 'SENT' then 'generated'
            when count(case when instructions.status in ('succeeded', 'failed') then 1 end) = count(*) then 'answered'
            else 'sent'
        end as communication_status,
        count(*) as instruction_count,
        {{ minor_sum('files.amount_minor') }} as amount_minor,
        count(case when instructions.status = 'succeeded' then 1 end) as succeeded_count,
        {{ minor_sum("case when instructions.status = 'succeeded' then files.amount_minor else 0 end") }} as succeeded_minor,
        count(case when instructions.status = 'failed' then 1 end) as failed_count,
        files.made_by,
        files.made_at,
        max(case when files.state = 'SENT' then files.decided_at end) as sent_at
    from files
    -- What a rejected file held is answered for in the file that it is in now.
    left join instructions on instructions.instruction_no = files.instruction_no and instructions.file_no = files.file_no
    group by files.file_no, files.currency, files.state, files.made_by, files.made_at
)

select * from final
