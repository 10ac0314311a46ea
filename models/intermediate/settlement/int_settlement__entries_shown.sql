{{ config(materialized='ephemeral') }}

with last_batch as (
    select max(batch_id) as batch_id, max(batch_date) as batch_date from {{ ref('stg_loads__batches_built') }}
),

settled as (
    select first_clearing_seq, participant_id, batch_id, {{ bill_no('batch_id') }} as bill_no
    from {{ ref('int_settlement__entries_due') }}
    where blocked_by = ''
),

waiting as (
    select due.first_clearing_seq, due.participant_id, due.blocked_by
    from {{ ref('int_settlement__entries_due') }} as due
    inner join last_batch on last_batch.batch_id = due.batch_id
    where due.blocked_by <> ''
),

open_orders as (
    select distinct items.order_no, items.direction, items.channel_code
    from {{ ref('int_reconciliation__items') }} as items
    inner join last_batch on last_batch.batch_id = items.batch_id
    where items.relation = 'orders_channel' and items.is_open and items.result <> 'duplicate_channel'
),

spv_models as (
    select distinct model_code from {{ ref('stg_config__settlement_models') }}
    where requires_spv_match
),

spv_orders as (
    select items.order_no, max(case when items.batch_id = last_batch.batch_id and items.is_open then 1 else 0 end) = 1 as is_open
    from {{ ref('int_reconciliation__items') }} as items
    cross join last_batch
    where
        items.relation = 'orders_spv' and items.batch_id <= last_batch.batch_id and items.result <> 'duplicate_channel'
        -- Another SPV's line for the order is that SPV's difference.
        and items.left_minor is not null and (select count(*) from spv_models) > 0
    group by items.order_no
),

holds as (
    select distinct risk_holds.scope, risk_holds.target
    from {{ ref('risk_holds') }} as risk_holds
    cross join last_batch
    where
        risk_holds.scope in ('participant', 'order')
        and coalesce(risk_holds.valid_from, last_batch.batch_date) <= last_batch.batch_date
        and (risk_holds.valid_to is null or last_batch.batch_date < risk_holds.valid_to)
),

final as (
    select
        entries.batch_id,
        entries.batch_date,
        entries.order_no,
        entries.order_version,
        entries.participant_id,
        entries.model_code,
        entries.entry_kind,
        entries.currency,
        entries.gross_minor,
        entries.fee_minor,
        entries.charge_minor,
        entries.net_minor,
        entries.settlement_date,
        settled.bill_no is not null as is_settleable,
        case
            when settled.bill_no is not null then ''
            when waiting.blocked_by is not null then waiting.blocked_by
            else
                'not_due'
                || case when entries.requires_channel_match and open_orders.order_no is not null then ';not_reconciled' else '' end
                || case
                    when spv_models.model_code is not null and entries.entry_kind = 'new' and coalesce(spv_orders.is_open, true)
                        then ';spv_not_reconciled'
                    else ''
                end
                || case when coalesce(held_participants.target, held_orders.target) is not null then ';risk_hold' else '' end
        end as blocked_by,
        settled.bill_no,
        settled.batch_id as settled_batch_id
    from {{ ref('int_settlement__entries') }} as entries
    left join settled
        on settled.first_clearing_seq = entries.first_clearing_seq and settled.participant_id = entries.participant_id
    left join waiting
        on waiting.first_clearing_seq = entries.first_clearing_seq and waiting.participant_id = entries.participant_id
    left join holds as held_participants
        on held_participants.scope = 'participant' and held_participants.target = entries.participant_id
    left join holds as held_orders on held_orders.scope = 'order' and held_orders.target = entries.order_no
    left join spv_models on spv_models.model_code = entries.model_code
    left join spv_orders on spv_orders.order_no = entries.order_no
    left join open_orders
        on
            open_orders.order_no = entries.order_no
            and open_orders.channel_code = coalesce(entries.channel_code, '')
            and open_orders.direction = case when entries.entry_kind = 'refund' then 'refund' else 'payment' end
)

select * from final
