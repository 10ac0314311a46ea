with items as (
    select * from {{ ref('int_reconciliation__items_of_all') }}
    where is_open
),

business_days as (
    select calendar_date, business_days_so_far from {{ ref('stg_config__business_days') }}
    where calendar_code = 'CN'
),

-- REC-OPEN: a date beyond the calendar leaves the age in business days empty; it must not keep anybody from seeing the item.
aged as (
    select
        items.*,
        items.batch_date - items.opened_date as age_days,
        days_now.business_days_so_far - days_opened.business_days_so_far as age_business_days
    from items
    left join business_days as days_now on days_now.calendar_date = items.batch_date
    left join business_days as days_opened on days_opened.calendar_date = items.opened_date
),

told as (
    select
        aged.*,
        concat_ws(
            '; ',
            case
                when aged.mismatched_fields like '%currency%'
                    then 'currency: ours ' || aged.left_currency || ', theirs ' || coalesce(nullif(aged.right_currency, ''), 'several')
            end,
            case
                when aged.mismatched_fields like '%status%' and aged.relation = 'instructions_bank' then 'status: instructed, the bank could not pay'
                when aged.mismatched_fields like '%status%' then 'status: ours not successful, theirs success'
            end,
            case
                when aged.mismatched_fields like '%amount%'
                    then 'amount: ours ' || {{ money_text('aged.left_minor', 'ours.minor_per_major', 'ours.exponent', 'ours.currency') }}
                        || ', theirs ' || {{ money_text('aged.right_minor', 'theirs.minor_per_major', 'theirs.exponent', 'theirs.currency') }}
            end,
            case
                when aged.mismatched_fields like '%fee%'
                    then 'fee: ours ' || {{ money_text('aged.left_fee_minor', 'ours.minor_per_major', 'ours.exponent', 'ours.currency') }}
                        || ', theirs ' || {{ money_text('aged.right_fee_minor', 'theirs.minor_per_major', 'theirs.exponent', 'theirs.currency') }}
            end
        ) as differences
    from aged
    left join {{ ref('stg_config__currencies') }} as ours on ours.currency = aged.left_currency
    left join {{ ref('stg_config__currencies') }} as theirs on theirs.currency = aged.right_currency
),

final as (
    select
        told.batch_id,
        told.batch_date,
        told.relation,
        {{ item_key('told.relation') }} as item_key,
        told.channel_code,
        told.order_no,
        told.pool,
        told.result,
        told.currency,
        told.difference_minor,
        told.mismatched_fields,
        told.differences,
        told.is_regressed,
        told.opened_batch_id,
        cast(told.age_days as bigint) as age_days,
        cast(told.age_business_days as bigint) as age_business_days,
        case
            when told.age_days = 0 then '0'
            when told.age_days <= 3 then '1-3'
            when told.age_days <= 7 then '4-7'
            when told.age_days <= 30 then '8-30'
            else '31+'
        end as age_bucket,
        coalesce(rules.owner, 'nobody') as owner,
        coalesce(rules.next_action, 'Add a row for this result and pool to open_item_rules.') as next_action
    from told
    left join {{ ref('stg_config__open_item_rules') }} as rules
        on rules.relation = told.relation and rules.result = told.result and rules.pool = told.pool
)

select * from final
