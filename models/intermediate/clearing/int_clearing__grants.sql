{{ config(batch_parts_macro='allocation_parts') }}

with caps as (
    select bearers.bearer_no, configured.cap_minor
    from {{ ref('int_clearing__bearers_due') }} as bearers
    inner join {{ ref('stg_config__allocation_bearers') }} as configured
        on
            configured.allocation_rule_code = bearers.allocation_rule_code
            and configured.allocation_level = bearers.allocation_level
            and configured.parent_bearer = bearers.parent_bearer and configured.bearer = bearers.bearer
            and configured.valid_from <= {{ batch_date() }} and {{ batch_date() }} < configured.valid_to
    where bearers.bearer_no = bearers.accumulator_no
),

final as (
    {%- for below in ['', '_below'] %}
    {{ part('new_capped' ~ below) }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, fee_no, bearer_no, granted_minor, accumulated_minor,
        asked_minor - granted_minor as overflow_minor, cast(null as bigint) as original_fee_no,
        cast(null as bigint) as opening_minor, cast(null as bigint) as released_minor, cast(null as bigint) as cap_minor
    from {{ ref('int_clearing__capped_grants' ~ below) }}
    union all
    {{ part('adjusted_capped' ~ below) }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, fee_no, bearer_no, granted_minor, accumulated_minor,
        case when original_fee_no is null then asked_minor - granted_minor end as overflow_minor, original_fee_no,
        cast(null as bigint) as opening_minor, cast(null as bigint) as released_minor, cast(null as bigint) as cap_minor
    from {{ ref('int_clearing__adjusted_grants' ~ below) }}
    union all
    {%- for step, steps in {'runs': 'int_clearing__grants_in_runs', 'one': 'int_clearing__grants_one_fee'}.items() %}
    {{ part(step ~ below) }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, fee_no, bearer_no, granted_minor, accumulated_minor, overflow_minor, original_fee_no,
        cast(null as bigint) as opening_minor, cast(null as bigint) as released_minor, cast(null as bigint) as cap_minor
    from {{ ref(steps ~ below) }}
    union all
    {%- endfor %}
    {{ part('residual' ~ below) }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, fee_no, bearer_no, granted_minor, cast(null as bigint) as accumulated_minor,
        overflow_minor, cast(null as bigint) as original_fee_no,
        cast(null as bigint) as opening_minor, cast(null as bigint) as released_minor, cast(null as bigint) as cap_minor
    from {{ ref('int_clearing__residual_grants' ~ below) }}
    union all
    {%- endfor %}
    {{ part('balances') }}
    -- ALLOC-BALANCE: every accumulator closes every batch, so the next one reads this batch's rows only.
    select
        cast({{ batch_id() }} as bigint) as batch_id, cast(null as bigint) as fee_no, balances.accumulator_no as bearer_no,
        balances.granted_minor, balances.opening_minor + balances.granted_minor - balances.released_minor as accumulated_minor,
        cast(null as bigint) as overflow_minor, cast(null as bigint) as original_fee_no, balances.opening_minor,
        balances.released_minor, caps.cap_minor
    from {{ ref('int_clearing__balances_now') }} as balances
    left join caps on caps.bearer_no = balances.accumulator_no
    {{ parts_end() }}
)

select * from final
