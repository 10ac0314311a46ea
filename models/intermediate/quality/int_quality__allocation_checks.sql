{{ config(materialized='ephemeral') }}

with grants as (
    select * from {{ ref('int_clearing__grants') }}
    where batch_id = {{ batch_id() }}
),

-- INV-GRANTS: the shares of every fee add up to it. The fees are weighted by a number that depends on the fee, so what one
-- fee lacks another can't make up; the test of this name finds the fee when the totals differ.
fees_split as (
    select
        coalesce(sum({{ wide_product(fee_weight('fee_no'), 'fee_minor') }}), 0) as weighted,
        coalesce(sum(fee_minor), 0) as fee_minor
    from {{ ref('fct_clearing_details') }}
    where batch_id = {{ batch_id() }} and allocation_rule_code is not null
),

fees_granted as (
    select
        coalesce(sum({{ wide_product(fee_weight('fee_no'), 'granted_minor') }}), 0) as weighted,
        coalesce(sum(granted_minor), 0) as granted_minor
    from grants
    where row_kind = 'grant'
),

-- INV-CAPS: nothing is granted beyond a cap, an accumulator never falls below zero, and a fee has no share of the other sign.
grants_wrong as (
    select granted_minor from grants
    where
        row_kind = 'grant'
        and (
            (granted_minor > 0 and accumulated_minor > cap_minor) or accumulated_minor < 0
            or (granted_minor < 0 and original_fee_no is null) or (granted_minor > 0 and original_fee_no is not null)
        )
),

balances_before as (
    select allocation_rule_code, parent_bearer, bearer, currency, period_key, accumulated_minor
    from {{ ref('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} - 1 and row_kind = 'balance'
),

balances_now as (
    select * from grants
    where row_kind = 'balance'
),

-- INV-BALANCES: every accumulator opens where it closed, and moves by what was granted and released.
balances_wrong as (
    select before.bearer
    from balances_now as now
    full outer join balances_before as before
        on
            before.allocation_rule_code = now.allocation_rule_code and before.parent_bearer = now.parent_bearer
            and before.bearer = now.bearer and before.currency = now.currency and before.period_key = now.period_key
    where
        now.bearer is null
        or {{ differs('now.opening_minor', 'coalesce(before.accumulated_minor, 0)') }}
        or {{ differs('now.opening_minor + now.granted_minor - now.released_minor', 'now.accumulated_minor') }}
),

final as (
    select
        'fee_equals_its_grants' as invariant,
        case when fees_split.weighted = fees_granted.weighted then 0 else 1 end as failing_rows,
        cast(fees_split.fee_minor - fees_granted.granted_minor as bigint) as difference_minor
    from fees_split
    cross join fees_granted
    union all
    select 'grants_within_caps', count(*), 0 from grants_wrong
    union all
    select 'accumulators_roll_forward', count(*), 0 from balances_wrong
)

select * from final
