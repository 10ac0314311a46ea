with configured as (
    select participant_id, account_kind, currency, min(account_no) as account_no from {{ ref('accounts') }}
    group by participant_id, account_kind, currency
),

numbered as (
    select
        *,
        row_number() over (partition by participant_id, account_kind, currency order by batch_id desc) as newest_place
    from {{ this }}
    where batch_id < {{ batch_id() }}
),

known as (
    select participant_id, account_kind, currency, account_no from numbered
    where newest_place = 1
),

-- BILL-ACCOUNT: a row only where the account is another than in the batch before, or there is none any more.
final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        coalesce(configured.participant_id, known.participant_id) as participant_id,
        coalesce(configured.account_kind, known.account_kind) as account_kind,
        coalesce(configured.currency, known.currency) as currency,
        configured.account_no
    from configured
    full outer join known
        on
            known.participant_id = configured.participant_id and known.account_kind = configured.account_kind
            and known.currency = configured.currency
    where {{ differs('configured.account_no', 'known.account_no') }}
)

select * from final
