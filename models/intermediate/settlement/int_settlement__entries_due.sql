with batch_before as (
    select max(batch_date) as batch_date from {{ ref('stg_loads__batches') }}
    where batch_id = {{ batch_id() }} - 1
),

waiting as (
    select first_clearing_seq, participant_id from {{ this }}
    where batch_id = {{ batch_id() }} - 1 and blocked_by <> ''
),

entries_due as (
    select entries.*
    from {{ ref('int_settlement__entries') }} as entries
    cross join batch_before
    where
        entries.batch_id <= {{ batch_id() }} and entries.settlement_date <= {{ batch_date() }}
        and (
            entries.batch_id = {{ batch_id() }}
            or entries.settlement_date > coalesce(batch_before.batch_date, entries.settlement_date)
        )
    union all
    select entries.*
    from {{ ref('int_settlement__entries') }} as entries
    inner join waiting
        on waiting.first_clearing_seq = entries.first_clearing_seq and waiting.participant_id = entries.participant_id
),

open_orders as (
    select distinct order_no, direction, channel_code from {{ ref('int_reconciliation__items') }}
    where batch_id = {{ batch_id() }} and relation = 'orders_channel' and is_open and result <> 'duplicate_channel'
),

-- By what the model says today: an SPV that takes its time is waited for, or no longer, without clearing anything again.
spv_models as (
    select distinct model_code from {{ ref('stg_config__settlement_models') }}
    where requires_spv_match
),

spv_orders as (
    select order_no, max(case when batch_id = {{ batch_id() }} and is_open then 1 else 0 end) = 1 as is_open
    from {{ ref('int_reconciliation__items') }}
    where
        relation = 'orders_spv' and batch_id <= {{ batch_id() }} and result <> 'duplicate_channel'
        -- Another SPV's line for the order is that SPV's difference.
        and left_minor is not null and (select count(*) from spv_models) > 0
    group by order_no
),

holds as (
    select distinct scope, target from {{ ref('risk_holds') }}
    where
        coalesce(valid_from, {{ batch_date() }}) <= {{ batch_date() }}
        and (valid_to is null or {{ batch_date() }} < valid_to)
        and scope in ('participant', 'order', 'account')
),

accounts as (
    select participant_id, account_kind, currency, min(account_no) as account_no from {{ ref('accounts') }}
    group by participant_id, account_kind, currency
),

-- SET-BLOCK: an entry settles when nothing stands in its way; what does is named, and it is tried again in every batch.
final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        entries_due.first_clearing_seq, entries_due.order_no, entries_due.participant_id, entries_due.currency,
        entries_due.model_code, entries_due.settlement_date, entries_due.entry_kind,
        coalesce(accounts.account_no, '') as account_no,
        entries_due.gross_minor, entries_due.fee_minor, entries_due.charge_minor, entries_due.net_minor,
        concat_ws(
            ';',
            case when entries_due.requires_channel_match and open_orders.order_no is not null then 'not_reconciled' end,
            case
                when spv_models.model_code is not null and entries_due.entry_kind = 'new' and coalesce(spv_orders.is_open, true)
                    then 'spv_not_reconciled'
            end,
            case when coalesce(held_participants.target, held_orders.target, held_accounts.target) is not null then 'risk_hold' end
        ) as blocked_by
    from entries_due
    left join open_orders
        on
            open_orders.order_no = entries_due.order_no
            and open_orders.channel_code = coalesce(entries_due.channel_code, '')
            and open_orders.direction = case when entries_due.entry_kind = 'refund' then 'refund' else 'payment' end
    left join spv_models on spv_models.model_code = entries_due.model_code
    left join spv_orders on spv_orders.order_no = entries_due.order_no
    left join accounts
        on
            accounts.participant_id = entries_due.participant_id
            and accounts.account_kind = entries_due.settle_account_kind and accounts.currency = entries_due.currency
    left join holds as held_participants
        on held_participants.scope = 'participant' and held_participants.target = entries_due.participant_id
    left join holds as held_orders on held_orders.scope = 'order' and held_orders.target = entries_due.order_no
    left join holds as held_accounts on held_accounts.scope = 'account' and held_accounts.target = accounts.account_no
)

select * from final
