{{ config(batch_parts=['moves', 'balances']) }}

with kinds as (
    select
        kinds.kind_no, kinds.model_no, kinds.rule_place, kinds.rule_code, kinds.currency, kinds.ordered_date, kinds.contract_no,
        kinds.accumulate_period_key, rules.base
    from {{ ref('int_clearing__fee_kinds') }} as kinds
    inner join {{ ref('int_clearing__rules_used') }} as rules on rules.rule_no = kinds.rule_no and rules.is_first_use
    where kinds.batch_id = {{ batch_id() }} and kinds.accumulate_period_key is not null
),

added as (
    select
        lines.clearing_seq * 100 + kinds.rule_place as fee_no, kinds.kind_no, kinds.rule_code, lines.participant_id,
        kinds.currency, kinds.accumulate_period_key, {{ base_of('lines', 'kinds.base') }} as base_minor,
        cast(null as bigint) as original_fee_no
    from {{ ref('int_clearing__lines_sorted') }} as lines
    inner join kinds
        on
            kinds.model_no = lines.model_no and kinds.currency = lines.currency
            and kinds.ordered_date = lines.ordered_date and kinds.contract_no = coalesce(lines.contract_no, '')
    where lines.batch_id = {{ batch_id() }} and lines.clearing_seq is not null and lines.entry_kind = 'new'
),

-- An original may be of this batch, or of one whose rules the configuration no longer has.
originals as (
    select * from added
    union all
    select fee_no, kind_no, rule_code, participant_id, currency, accumulate_period_key, base_minor, original_fee_no
    from {{ this }}
    where batch_id < {{ batch_id() }} and fee_no is not null
),

places as (
    select distinct rule_place from {{ ref('int_clearing__fee_kinds') }}
    where accumulate_period_key is not null
),

-- BILL-BASE: what is taken back leaves the period of its original, from its own place in the clearing order on.
taken_back as (
    select
        lines.clearing_seq * 100 + places.rule_place as fee_no, originals.kind_no, originals.rule_code, originals.participant_id,
        originals.currency, originals.accumulate_period_key,
        -{{ part_given_back('originals.base_minor', 'lines', "'half_up'") }} as base_minor, originals.fee_no as original_fee_no
    from {{ ref('int_clearing__lines_taken_back') }} as lines
    cross join places
    inner join originals on originals.fee_no = lines.original_clearing_seq * 100 + places.rule_place
),

moves as (
    select * from added
    union all
    select * from taken_back
),

closings_before as (
    select rule_code, participant_id, currency, accumulate_period_key, base_before_minor + base_minor as closing_minor
    from {{ this }}
    where batch_id = {{ batch_id() }} - 1 and fee_no is null and base_before_minor + base_minor <> 0
),

moved_together as (
    select rule_code, participant_id, currency, accumulate_period_key, base_minor, cast(0 as bigint) as opening_minor
    from {{ this }}
    where batch_id = {{ batch_id() }} and fee_no is not null
    union all
    select rule_code, participant_id, currency, accumulate_period_key, 0, closing_minor from closings_before
),

final as (
    {{ part('moves') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, moves.fee_no, moves.kind_no, moves.rule_code, moves.participant_id,
        moves.currency, moves.accumulate_period_key, moves.base_minor,
        coalesce(closings_before.closing_minor, 0) + {{ minor_sum(
            'moves.base_minor',
            over='partition by moves.rule_code, moves.participant_id, moves.currency, moves.accumulate_period_key'
            ~ ' order by moves.fee_no rows between unbounded preceding and current row'
        ) }} - moves.base_minor as base_before_minor,
        moves.original_fee_no
    from moves
    left join closings_before
        on
            closings_before.rule_code = moves.rule_code and closings_before.participant_id = moves.participant_id
            and closings_before.currency = moves.currency and closings_before.accumulate_period_key = moves.accumulate_period_key
    union all
    {{ part('balances') }}
    -- Every accumulated base closes every batch, so the next one reads this batch's rows only.
    select
        cast({{ batch_id() }} as bigint) as batch_id, cast(null as bigint) as fee_no, cast(null as bigint) as kind_no,
        rule_code, participant_id, currency, accumulate_period_key, {{ minor_sum('base_minor') }} as base_minor,
        {{ minor_sum('opening_minor') }} as base_before_minor, cast(null as bigint) as original_fee_no
    from moved_together
    group by rule_code, participant_id, currency, accumulate_period_key
    {{ parts_end() }}
)

select * from final
