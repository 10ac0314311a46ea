{{ config(materialized='ephemeral') }}

with channels as (
    select * from {{ ref('int_reconciliation__channels_banked') }}
),

first_batch as (
    select min(first_batch_id) as batch_id from channels
),

-- REC-DEPOSIT: an entry that was given a number counts from the batch in which it was; until then it was no side.
deposits as (
    select
        coalesce(assigned.batch_id, deposits.batch_id) as batch_id,
        coalesce(deposits.settlement_batch_no, assigned.settlement_batch_no) as settlement_batch_no, deposits.currency,
        case when deposits.direction = 'debit' then -deposits.amount_minor else deposits.amount_minor end as deposited_minor
    from {{ ref('stg_bank__deposits') }} as deposits
    inner join first_batch on first_batch.batch_id <= deposits.batch_id
    left join {{ ref('int_reconciliation__deposits_assigned') }} as assigned
        on
            assigned.account_no = deposits.account_no and assigned.bank_ref_no = deposits.bank_ref_no
            and assigned.batch_id <= {{ batch_id() }}
    where
        deposits.batch_id <= {{ batch_id() }}
        and (deposits.settlement_batch_no is not null or assigned.settlement_batch_no is not null)
),

-- REC-GROUP: a deposit is of the one channel whose lines name its settlement batch; of two channels with one number nobody can tell.
owners as (
    select
        lines.settlement_batch_no,
        count(distinct lines.channel_code) as channel_count,
        min(lines.channel_code) as channel_code,
        count(distinct case when lines.batch_id < {{ batch_id() }} then lines.channel_code end) as channel_count_before,
        min(case when lines.batch_id < {{ batch_id() }} then lines.channel_code end) as channel_code_before
    from {{ settlement_lines() | indent(4) }} as lines
    inner join channels on channels.channel_code = lines.channel_code
    where
        lines.batch_id between channels.first_batch_id and {{ batch_id() }}
        and lines.settlement_batch_no in (select settlement_batch_no from deposits)
    group by lines.settlement_batch_no
),

final as (
    select
        deposits.batch_id, deposits.settlement_batch_no, deposits.currency, deposits.deposited_minor,
        case when owners.channel_count = 1 then owners.channel_code else '' end as channel_code,
        case when owners.channel_count_before = 1 then owners.channel_code_before else '' end as channel_code_before,
        coalesce(owners.channel_count > 1, false) as is_ambiguous
    from deposits
    left join owners on owners.settlement_batch_no = deposits.settlement_batch_no
)

select * from final
