{{ config(batch_parts=['new', 'cumulative', 'taken_back']) }}

with kinds as (
    select
        kinds.kind_no, kinds.model_no, kinds.rule_place, kinds.currency, kinds.ordered_date, kinds.contract_no,
        kinds.tier_set_no, kinds.accumulate_period_key,
        rules.method, rules.base, rules.rate_ppm, rules.flat_minor, rules.fixed_minor, rules.package_size_minor,
        rules.package_price_minor, rules.rounding, rules.min_minor, rules.max_minor
    from {{ ref('int_clearing__fee_kinds') }} as kinds
    inner join {{ ref('int_clearing__rules_used') }} as rules on rules.rule_no = kinds.rule_no and rules.is_first_use
    where kinds.batch_id = {{ batch_id() }} and not kinds.is_on_shares
),

tiers as (
    select * from {{ ref('int_clearing__tiers_priced') }}
),

new_lines_based as (
    select lines.clearing_seq, kinds.*, {{ base_of('lines', 'kinds.base') }} as base_minor
    from {{ ref('int_clearing__lines_sorted') }} as lines
    inner join kinds
        on
            kinds.model_no = lines.model_no and kinds.currency = lines.currency
            and kinds.ordered_date = lines.ordered_date and kinds.contract_no = coalesce(lines.contract_no, '')
            and kinds.accumulate_period_key is null
    where lines.batch_id = {{ batch_id() }} and lines.clearing_seq is not null and lines.entry_kind = 'new'
),

new_lines_billed as (
    select
        based.clearing_seq, based.kind_no, based.rule_place, based.base_minor, based.min_minor, based.max_minor,
        {{ fee_of('based.base_minor', 'based', 'tiers') }} as rounded_minor
    from new_lines_based as based
    left join tiers on tiers.tier_set_no = based.tier_set_no and {{ tier_holds('based.base_minor', 'tiers') }}
),

cumulative_based as (
    select
        bases.fee_no, bases.base_minor, bases.base_before_minor, kinds.*,
        {{ tier_point('bases.base_minor', 'bases.base_before_minor', 'kinds') }} as point_minor
    from {{ ref('int_clearing__bases') }} as bases
    inner join kinds on kinds.kind_no = bases.kind_no
    where bases.batch_id = {{ batch_id() }} and bases.fee_no is not null and bases.original_fee_no is null
),

cumulative_priced as (
    select
        based.fee_no, based.kind_no, based.base_minor, based.base_before_minor, based.rounding, based.min_minor, based.max_minor,
        {{ cumulative_millionths('based.base_minor', 'based.base_before_minor', 'based', 'tiers', 'tiers_before') }} as fee_millionths
    from cumulative_based as based
    left join tiers on tiers.tier_set_no = based.tier_set_no and {{ tier_holds('based.point_minor', 'tiers') }}
    left join tiers as tiers_before
        on tiers_before.tier_set_no = based.tier_set_no and {{ tier_holds('based.base_before_minor', 'tiers_before') }}
),

cumulative_billed as (
    select *, {{ rounded_quotient('fee_millionths', '1000000', 'rounding') }} as rounded_minor
    from cumulative_priced
),

bases_taken_back as (
    select fee_no, base_before_minor from {{ ref('int_clearing__bases') }}
    where batch_id = {{ batch_id() }} and original_fee_no is not null
),

-- The place of the rule among the line's is the original's, whatever the configuration says today.
taken_back as (
    select *, clearing_seq * 100 + mod(original_fee_no, 100) as fee_no from {{ ref('int_clearing__refunds_billed') }}
),

final as (
    {{ part('new') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        billed.clearing_seq * 100 + billed.rule_place as fee_no,
        billed.kind_no, billed.base_minor,
        {{ clamped('billed.rounded_minor', 'billed') }} as fee_minor,
        cast(null as bigint) as original_fee_no, cast(null as bigint) as base_before_minor
    from new_lines_billed as billed
    union all
    {{ part('cumulative') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, billed.fee_no, billed.kind_no, billed.base_minor,
        {{ clamped('billed.rounded_minor', 'billed') }} as fee_minor,
        cast(null as bigint) as original_fee_no, billed.base_before_minor
    from cumulative_billed as billed
    union all
    {{ part('taken_back') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, taken_back.fee_no, taken_back.kind_no,
        -taken_back.base_back_minor as base_minor, -taken_back.fee_back_minor as fee_minor, taken_back.original_fee_no,
        bases_taken_back.base_before_minor
    from taken_back
    left join bases_taken_back on bases_taken_back.fee_no = taken_back.fee_no
    {{ parts_end() }}
)

select * from final
