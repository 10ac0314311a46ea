with final as (
    select
        -- As in reconciliation_rules: order_channel and orders_channel are the same.
        case
            when relation like '%order%' and relation like '%channel%' then 'orders_channel'
            else relation
        end as relation,
        result,
        pool,
        owner,
        next_action
    from {{ ref('open_item_rules') }}
)

select * from final
