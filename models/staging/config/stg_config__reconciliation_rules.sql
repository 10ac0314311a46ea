with final as (
    select
        -- The relation is matched by the two sides it names, so order_channel and orders_channel are the same.
        case
            when relation like '%order%' and relation like '%channel%' then 'orders_channel'
            when relation like '%channel%' and (relation like '%bank%' or relation like '%deposit%') then 'channel_bank'
            when relation like '%order%' and relation like '%spv%' then 'orders_spv'
            when relation like '%instruction%' then 'instructions_bank'
            else relation
        end as relation,
        -- Payouts go through no channel.
        case when relation like '%instruction%' then '' else channel_code end as channel_code,
        coalesce(grouping, 'single') as statement_grouping,
        coalesce(amount_tolerance_minor, 0) as amount_tolerance_minor,
        coalesce(date_window_days, 0) as date_window_days,
        coalesce(buffer_days, 3) as buffer_days,
        coalesce(auto_fill, false) as auto_fill
    from {{ ref('reconciliation_rules') }}
    where channel_code is not null or relation like '%instruction%'
)

select * from final
