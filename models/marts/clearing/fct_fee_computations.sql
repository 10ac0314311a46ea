with rules as (
    select * from {{ ref('int_clearing__rules_used') }}
    where is_first_use
),

tiers as (
    select * from {{ ref('int_clearing__tiers_priced') }}
),

-- COMB-SHARES: where the shares of an amount are billed, each of them has a fee of its own, whose steps name its bearer.
recorded as (
    select batch_id, fee_no, kind_no, base_minor, base_before_minor, fee_minor, cast(null as integer) as level, '' as parent_bearer, '' as bearer
    from {{ ref('int_clearing__fees') }}
    where original_fee_no is null
    union all
    select
        shares.batch_id, shares.fee_no, shares.kind_no, shares.base_minor, cast(null as bigint), shares.fee_minor,
        cast(bearers.allocation_level as integer), bearers.parent_bearer, bearers.bearer
    from {{ ref('int_clearing__share_fees') }} as shares
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = shares.bearer_no
    where shares.original_fee_no is null
),

fees as (
    select
        fees.batch_id, {{ seq_of_fee('fees.fee_no') }} as clearing_seq, fees.fee_no, fees.base_minor, fees.base_before_minor,
        fees.fee_minor, fees.level, fees.parent_bearer, fees.bearer, kinds.tier_set_no,
        rules.rule_key, rules.rule_code, rules.method, rules.rate_ppm, rules.flat_minor,
        rules.package_size_minor, rules.package_price_minor, rules.rounding, rules.min_minor, rules.max_minor,
        {{ tier_point('fees.base_minor', 'fees.base_before_minor', 'rules') }} as point_minor,
        case
            when rules.method = 'graduated' then 0
            when rules.method = 'cumulative_graduated' then fees.base_before_minor
            else {{ tier_point('fees.base_minor', 'fees.base_before_minor', 'rules') }} - 1
        end as lower_minor,
        rules.method in ('graduated', 'cumulative_graduated') as is_sliced
    from recorded as fees
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = fees.kind_no
    inner join rules on rules.rule_no = kinds.rule_no
),

priced as (
    select
        fees.*,
        case
            when fees.method in ('cumulative_graduated', 'cumulative_volume')
                then {{ cumulative_millionths('fees.base_minor', 'fees.base_before_minor', 'fees', 'tiers', 'tiers_before') }}
            else {{ fee_millionths('fees.base_minor', 'fees', 'tiers') }}
        end as exact_millionths
    from fees
    left join tiers on tiers.tier_set_no = fees.tier_set_no and {{ tier_holds('fees.point_minor', 'tiers') }}
    left join tiers as tiers_before
        on tiers_before.tier_set_no = fees.tier_set_no and {{ tier_holds('fees.base_before_minor', 'tiers_before') }}
),

-- BILL-STEPS: each step is slice × ppm + flat × 1 000 000; the steps of a fee add up to the exact amount that was rounded. Sliced
-- methods have a step for every tier that (lower, point] reaches into, the others one for the tier that the point falls in.
steps as (
    select
        priced.*, tiers.tier_no, tiers.from_minor as tier_from_minor, tiers.to_minor as tier_to_minor,
        case
            when tiers.tier_no is not null and priced.is_sliced
                then least(priced.point_minor, coalesce(tiers.to_minor, priced.point_minor)) - greatest(priced.lower_minor, tiers.from_minor)
            when tiers.tier_no is not null or priced.method in ('rate', 'rate_plus_fixed') then priced.base_minor
            else 0
        end as slice_minor,
        case when tiers.tier_no is not null then tiers.ppm else priced.rate_ppm end as step_ppm,
        case
            when tiers.tier_no is not null and priced.is_sliced and tiers.from_minor < priced.lower_minor then 0
            when tiers.tier_no is not null then tiers.flat_minor
            when priced.method = 'package'
                then cast({{ wide_product(packages_of('priced.base_minor', 'priced'), 'priced.package_price_minor') }} as bigint)
            else priced.flat_minor
        end as step_flat_minor
    from priced
    left join tiers
        on
            tiers.tier_set_no = priced.tier_set_no and priced.lower_minor < priced.point_minor
            and tiers.from_minor < priced.point_minor and priced.lower_minor < coalesce(tiers.to_minor, priced.point_minor)
),

final as (
    select
        steps.batch_id, steps.clearing_seq, steps.fee_no, lines.order_no, lines.order_version, lines.line_no,
        steps.rule_code, steps.rule_key, steps.level, steps.parent_bearer, steps.bearer, steps.method, steps.base_minor, steps.base_before_minor,
        coalesce(steps.tier_no, 0) as tier_no, steps.tier_from_minor, steps.tier_to_minor,
        steps.slice_minor, steps.step_ppm as ppm, steps.step_flat_minor as flat_minor,
        cast(
            {{ wide_product('steps.slice_minor', 'steps.step_ppm') }} + {{ wide_product('steps.step_flat_minor', '1000000') }}
            as decimal(38, 0)
        ) as step_millionths,
        cast(steps.exact_millionths as decimal(38, 0)) as exact_millionths,
        steps.rounding, {{ rounded_quotient('steps.exact_millionths', '1000000', 'steps.rounding') }} as rounded_minor,
        steps.min_minor, steps.max_minor, steps.fee_minor
    from steps
    inner join {{ ref('int_clearing__lines_sorted') }} as lines
        on lines.batch_id = steps.batch_id and lines.clearing_seq = steps.clearing_seq
)

select * from final
