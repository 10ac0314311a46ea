{{ config(batch_parts_macro='allocation_parts') }}

with moved as (
    select
        allocation_rule_code, parent_bearer, bearer, currency, period_key, max(cap_minor) as cap_minor,
        {{ minor_sum('case when granted_minor > 0 then granted_minor else 0 end') }} as granted_minor,
        {{ minor_sum('case when granted_minor < 0 then -granted_minor else 0 end') }} as released_minor
    from {{ this }}
    where
        batch_id = {{ batch_id() }} and row_kind = 'grant' and cap_minor is not null
        and {{ batch_part() }} in ({{ release_part() }}, {{ balance_part() }})
    group by allocation_rule_code, parent_bearer, bearer, currency, period_key
),

balances_before as (
    select allocation_rule_code, parent_bearer, bearer, currency, period_key, accumulated_minor as closing_minor
    from {{ this }}
    where batch_id = {{ batch_id() }} - 1 and row_kind = 'balance'
),

balances as (
    select
        coalesce(moved.allocation_rule_code, before.allocation_rule_code) as allocation_rule_code,
        coalesce(moved.parent_bearer, before.parent_bearer) as parent_bearer,
        coalesce(moved.bearer, before.bearer) as bearer,
        coalesce(moved.currency, before.currency) as currency,
        coalesce(moved.period_key, before.period_key) as period_key,
        coalesce(before.closing_minor, 0) as opening_minor,
        coalesce(moved.granted_minor, 0) as granted_minor,
        coalesce(moved.released_minor, 0) as released_minor
    from moved
    full outer join balances_before as before
        on
            before.allocation_rule_code = moved.allocation_rule_code and before.parent_bearer = moved.parent_bearer
            and before.bearer = moved.bearer and before.currency = moved.currency and before.period_key = moved.period_key
),

caps as (
    select allocation_rule_code, parent_bearer, bearer, cap_minor from {{ ref('stg_config__allocation_bearers') }}
    where allocation_level = 1
),

released as (
    select
        releases.*,
        case
            when releases.cap_minor is not null
                then balances.opening_minor + balances.granted_minor - {{ minor_sum(
                    'releases.released_minor',
                    over='partition by releases.allocation_rule_code, releases.bearer, releases.currency, releases.period_key '
                    ~ 'order by releases.fee_no rows between unbounded preceding and current row'
                ) }}
        end as accumulated_minor
    from {{ ref('int_clearing__releases') }} as releases
    left join balances
        on
            balances.allocation_rule_code = releases.allocation_rule_code and balances.parent_bearer = releases.parent_bearer
            and balances.bearer = releases.bearer and balances.currency = releases.currency
            and balances.period_key = releases.period_key
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id, 'grant' as row_kind, fee_no,
        allocation_rule_code, parent_bearer, bearer, priority, currency, period_key,
        asked_minor as demand_minor, granted_minor, accumulated_minor, cap_minor,
        cast(null as bigint) as original_fee_no, cast(null as bigint) as opening_minor, cast(null as bigint) as released_minor
    from {{ ref('int_clearing__capped_grants') }}
    where {{ batch_part() }} < {{ residual_part() }}
    union all
    select
        cast({{ batch_id() }} as bigint), 'grant', fee_no,
        allocation_rule_code, parent_bearer, bearer, priority, currency, period_key,
        granted_minor as demand_minor, granted_minor, null, null, null, null, null
    from {{ ref('int_clearing__residual_grants') }}
    where {{ batch_part() }} = {{ residual_part() }}
    union all
    select
        cast({{ batch_id() }} as bigint), 'grant', fee_no,
        allocation_rule_code, parent_bearer, bearer, priority, currency, period_key,
        -released_minor as demand_minor, -released_minor as granted_minor, accumulated_minor, cap_minor, original_fee_no, null, null
    from released
    where {{ batch_part() }} = {{ release_part() }}
    union all
    -- ALLOC-BALANCE: every accumulator closes every batch, so the next one reads this batch's rows only.
    select
        cast({{ batch_id() }} as bigint), 'balance', null,
        balances.allocation_rule_code, balances.parent_bearer, balances.bearer, null, balances.currency, balances.period_key,
        null, balances.granted_minor, balances.opening_minor + balances.granted_minor - balances.released_minor, caps.cap_minor,
        null, balances.opening_minor, balances.released_minor
    from balances
    left join caps
        on
            caps.allocation_rule_code = balances.allocation_rule_code and caps.parent_bearer = balances.parent_bearer
            and caps.bearer = balances.bearer
    where {{ batch_part() }} = {{ balance_part() }}
)

select * from final
