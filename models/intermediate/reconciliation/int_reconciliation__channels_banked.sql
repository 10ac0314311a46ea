{{ config(materialized='ephemeral') }}

-- A channel that was compared once stays compared, or what it owed us would vanish from the totals with its rule.
with final as (
    select channels.channel_code, coalesce(min(before.batch_id), {{ batch_id() }}) as first_batch_id
    from (
        select channel_code from {{ ref('stg_config__reconciliation_rules') }}
        where relation = 'channel_bank'
        union
        select channel_code from {{ history_of('int_reconciliation__deposit_pairs') }}
        where batch_id <= {{ batch_id() }} and channel_code <> ''
    ) as channels
    left join {{ history_of('int_reconciliation__deposit_pairs') }} as before
        on before.channel_code = channels.channel_code and before.batch_id < {{ batch_id() }}
    group by channels.channel_code
)

select * from final
