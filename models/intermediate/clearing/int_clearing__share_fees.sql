{{ config(batch_parts=['new', 'refunds', 'reversals', 'sums']) }}

with kinds as (
    select
        kinds.kind_no, kinds.model_no, kinds.rule_place, kinds.currency, kinds.ordered_date, kinds.contract_no, kinds.tier_set_no,
        rules.method, rules.base, rules.rate_ppm, rules.flat_minor, rules.fixed_minor, rules.package_size_minor,
        rules.package_price_minor, rules.rounding, rules.min_minor, rules.max_minor, rules.refund_fee
    from {{ ref('int_clearing__fee_kinds') }} as kinds
    inner join {{ ref('int_clearing__rules_used') }} as rules on rules.rule_no = kinds.rule_no and rules.is_first_use
    where kinds.is_on_shares
),

-- COMB-SHARES: the leaf shares of an amount are the bases of the rules; who bears a share bears the fee on it.
shares as (
    select
        grants.fee_no, grants.bearer_no, grants.granted_minor, kinds.*,
        case kinds.base when 'count' then 1 else grants.granted_minor end as base_minor
    from {{ ref('int_clearing__grants') }} as grants
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no and not bearers.has_children
    inner join {{ ref('int_clearing__fee_kinds') }} as splits on splits.kind_no = bearers.kind_no and splits.rule_place = 0
    inner join kinds
        on
            kinds.model_no = splits.model_no and kinds.currency = splits.currency
            and kinds.ordered_date = splits.ordered_date and kinds.contract_no = splits.contract_no
            and kinds.kind_no between {{ first_number_of_batch() }} and {{ first_number_of_batch() }} + 99999999
    where
        grants.batch_id = {{ batch_id() }} and grants.fee_no is not null and grants.original_fee_no is null
        and grants.granted_minor > 0
),

shares_billed as (
    select shares.*, {{ fee_of('shares.base_minor', 'shares', 'tiers') }} as rounded_minor
    from shares
    left join {{ ref('int_clearing__tiers_priced') }} as tiers
        on tiers.tier_set_no = shares.tier_set_no and {{ tier_holds('shares.base_minor', 'tiers') }}
),

final as (
    {{ part('new') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, fee_no + rule_place as fee_no, kind_no, bearer_no, base_minor,
        {{ clamped('rounded_minor', 'shares_billed') }} as fee_minor,
        cast(null as bigint) as original_fee_no
    from shares_billed
    union all
    {{ part('refunds') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, fee_no, kind_no, bearer_no, cast(0 as bigint) as base_minor,
        -fee_back_minor as fee_minor, original_fee_no
    from {{ ref('int_clearing__share_refunds') }}
    union all
    {{ part('reversals') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, lines.clearing_seq * 100 + mod(recorded.fee_no, 100) as fee_no, recorded.kind_no,
        recorded.bearer_no, -recorded.base_minor as base_minor, -recorded.fee_minor as fee_minor, recorded.fee_no as original_fee_no
    from {{ this }} as recorded
    inner join {{ ref('int_clearing__lines_sorted') }} as lines
        on
            lines.original_clearing_seq = {{ seq_of_fee('recorded.fee_no') }} and lines.entry_kind = 'reversal'
            and lines.batch_id = {{ batch_id() }}
    where recorded.batch_id < {{ batch_id() }} and recorded.bearer_no is not null
    union all
    {{ part('sums') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, shares.fee_no, shares.kind_no, cast(null as bigint) as bearer_no,
        case
            when backs.fee_no is not null then -max(backs.base_back_minor)
            else {{ minor_sum('shares.base_minor') }}
        end as base_minor,
        {{ minor_sum('shares.fee_minor') }} as fee_minor, shares.original_fee_no
    from {{ this }} as shares
    left join {{ ref('int_clearing__share_bases_back') }} as backs on backs.fee_no = shares.fee_no
    where shares.batch_id = {{ batch_id() }}
    group by shares.fee_no, shares.kind_no, shares.original_fee_no, backs.fee_no
    {{ parts_end() }}
)

select * from final
