{{ config(materialized='batch_by_batch', batch_parts=2) }}

with rules as (
    select model_rules.model_key, model_rules.rule_place, rules.*
    from {{ ref('stg_config__model_rules') }} as model_rules
    inner join {{ ref('stg_config__billing_rules') }} as rules on rules.rule_code = model_rules.rule_code
),

lines as (
    select * from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and clearing_seq is not null
),

new_lines_based as (
    select
        lines.clearing_seq, lines.order_no, lines.order_version, lines.line_no, lines.model_code, lines.participant_id,
        lines.currency, lines.ordered_date, lines.contract_no, lines.model_key, rules.rule_key, rules.rule_code,
        case rules.base
            when 'principal' then lines.principal_minor
            when 'interest' then lines.interest_minor
            when 'count' then 1
            else lines.amount_minor
        end as base_minor
    from lines
    inner join rules
        on
            rules.model_key = lines.model_key
            and rules.valid_from <= lines.ordered_date and lines.ordered_date < rules.valid_to
            and coalesce(rules.currency, lines.currency) = lines.currency
    where lines.entry_kind = 'new'
),

new_lines_billed as (
    select
        based.*, rules.rule_place, rules.fee_type, rules.rounding, rules.refund_fee, rules.allocation_rule_code,
        rules.min_minor, rules.max_minor,
        {{ fee_of('based.base_minor', 'rules', 'tiers') }} as rounded_minor
    from new_lines_based as based
    inner join rules on rules.model_key = based.model_key and rules.rule_key = based.rule_key
    left join {{ ref('stg_config__billing_tiers') }} as tiers
        on
            rules.method in ('graduated', 'volume') and tiers.rule_code = based.rule_code
            and tiers.from_minor < based.base_minor
            and (tiers.next_from_minor is null or based.base_minor <= tiers.next_from_minor)
),

refund_lines as (
    select lines.*, originals.clearing_seq as original_clearing_seq, originals.amount_minor as original_minor
    from lines
    inner join {{ ref('int_clearing__lines_sorted') }} as originals
        on
            originals.order_no = lines.original_order_no and originals.line_no = lines.line_no
            and originals.entry_kind = 'new' and originals.clearing_seq is not null and originals.batch_id <= {{ batch_id() }}
    where lines.entry_kind = 'refund'
),

refunded_before as (
    select before.original_order_no, before.line_no, {{ minor_sum('before.amount_minor') }} as amount_minor
    from {{ ref('int_clearing__lines_sorted') }} as before
    where
        before.batch_id < {{ batch_id() }} and before.entry_kind = 'refund' and before.clearing_seq is not null
        and before.original_order_no in (select refund_lines.original_order_no from refund_lines)
    group by before.original_order_no, before.line_no
),

refunds_so_far as (
    select
        refund_lines.*,
        coalesce(refunded_before.amount_minor, 0) + {{ minor_sum(
            'refund_lines.amount_minor',
            over='partition by refund_lines.original_clearing_seq order by refund_lines.clearing_seq'
        ) }} as refunded_minor
    from refund_lines
    left join refunded_before
        on
            refunded_before.original_order_no = refund_lines.original_order_no
            and refunded_before.line_no = refund_lines.line_no
),

-- BILL-REFUND: what is given back in total follows the refunded part, rounded as the original was; each refund gets the step.
refunds_billed as (
    select
        refunds.*, originals.fee_no as original_fee_no, originals.rule_key, originals.rule_code, originals.fee_type, originals.rounding,
        originals.refund_fee, originals.allocation_rule_code,
        {{ part_given_back('originals.base_minor', 'refunds', "'half_up'") }} as base_back_minor,
        case when originals.refund_fee then {{ part_given_back('originals.fee_minor', 'refunds', 'originals.rounding') }} else 0 end as fee_back_minor
    from refunds_so_far as refunds
    inner join {{ this }} as originals
        on originals.clearing_seq = refunds.original_clearing_seq and originals.entry_kind = 'new'
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id, {{ batch_date() }} as batch_date,
        clearing_seq, order_no, order_version, line_no, 'new' as entry_kind, model_code, rule_code, fee_type, participant_id,
        currency, base_minor,
        -- BILL-CLAMP: the limits apply to the rounded fee.
        greatest(
            coalesce(min_minor, least(coalesce(max_minor, rounded_minor), rounded_minor)),
            least(coalesce(max_minor, rounded_minor), rounded_minor)
        ) as fee_minor,
        rule_key, rounding, refund_fee, allocation_rule_code, ordered_date, contract_no,
        clearing_seq * 100 + rule_place as fee_no,
        cast(null as bigint) as original_clearing_seq, cast(null as bigint) as original_fee_no
    from new_lines_billed
    where {{ batch_part() }} = 1
    union all
    select
        cast({{ batch_id() }} as bigint), {{ batch_date() }},
        clearing_seq, order_no, order_version, line_no, 'refund', model_code, rule_code, fee_type, participant_id,
        currency, -base_back_minor, -fee_back_minor,
        rule_key, rounding, refund_fee, allocation_rule_code, ordered_date, contract_no,
        -- The place of the rule among the line's is the original's, whatever the configuration says today.
        clearing_seq * 100 + mod(original_fee_no, 100),
        original_clearing_seq, original_fee_no
    from refunds_billed
    where {{ batch_part() }} = 2
)

select * from final
