-- Since when a channel is held against the bank. Once compared it stays so, or what it owed us would vanish from the totals with its rule.
with final as (
    select distinct cast({{ batch_id() }} as bigint) as batch_id, rules.channel_code
    from {{ ref('stg_config__reconciliation_rules') }} as rules
    left join {{ this }} as known on known.channel_code = rules.channel_code and known.batch_id < {{ batch_id() }}
    where rules.relation = 'channel_bank' and known.channel_code is null
)

select * from final
