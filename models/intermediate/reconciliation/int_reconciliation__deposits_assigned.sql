{{ config(batch_parts_macro='deposit_parts') }}

with batches_open as (
    select * from {{ ref('int_reconciliation__batches_unpaid') }}
),

deposits_open as (
    select * from {{ ref('int_reconciliation__deposits_unnamed') }}
),

scopes as (
    select distinct scope, currency, account_no from batches_open
),

deposits_near as (
    select
        row_number() over (order by scopes.scope, deposits_open.account_no, deposits_open.bank_ref_no) as row_key,
        scopes.scope, deposits_open.currency, deposits_open.deposited_minor as amount_minor, deposits_open.booked_date as on_date,
        deposits_open.account_no, deposits_open.bank_ref_no
    from deposits_open
    inner join scopes
        on scopes.currency = deposits_open.currency and coalesce(scopes.account_no, deposits_open.account_no) = deposits_open.account_no
),

paired as (
    {{ one_to_one('batches_open', 'deposits_near') | indent(4) }}
),

-- REC-DEPOSIT: an entry that is in reach of two scopes and claimed in both is nobody's; taking the first would be luck.
claimed as (
    select
        paired.left_key, paired.difference_minor, paired.days_apart, paired.finding, deposits_near.account_no, deposits_near.bank_ref_no,
        count(*) over (partition by deposits_near.account_no, deposits_near.bank_ref_no) as claim_count
    from paired
    inner join deposits_near on deposits_near.row_key = paired.right_key
),

final as (
    {{ part('assigned') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, claimed.account_no, claimed.bank_ref_no, batches_open.channel_code,
        batches_open.settlement_batch_no, batches_open.currency, claimed.difference_minor, claimed.days_apart
    from claimed
    inner join batches_open on batches_open.row_key = claimed.left_key
    where claimed.finding = 'paired' and claimed.claim_count = 1
    union all
    {{ part('nothing') }}
    select
        batch_id, channel_code as account_no, channel_code as bank_ref_no, channel_code, channel_code as settlement_batch_no,
        channel_code as currency, batch_id as difference_minor, batch_id as days_apart
    from {{ ref('int_reconciliation__channels_compared') }}
    where false
    {{ parts_end() }}
)

select * from final
