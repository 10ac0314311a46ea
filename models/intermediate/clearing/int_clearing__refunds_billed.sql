{{ config(materialized='ephemeral') }}

with places as (
    select distinct rule_place from {{ ref('int_clearing__fee_kinds') }}
),

-- BILL-REFUND: what is given back in total follows the refunded part, rounded as the original was; each refund gets the step.
-- CORR-AMOUNTS: a reversal takes back what was recorded, to the unit, also of a fee that refunds don't give back.
final as (
    select
        lines.clearing_seq, originals.fee_no as original_fee_no, originals.kind_no,
        {{ part_given_back('originals.base_minor', 'lines', "'half_up'") }} as base_back_minor,
        case
            when lines.entry_kind = 'reversal' then originals.fee_minor
            when rules.refund_fee then {{ part_given_back('originals.fee_minor', 'lines', 'rules.rounding') }}
            else 0
        end as fee_back_minor
    from {{ ref('int_clearing__lines_taken_back') }} as lines
    cross join places
    inner join {{ history_of('int_clearing__fees') }} as originals
        on originals.fee_no = lines.original_clearing_seq * 100 + places.rule_place
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = originals.kind_no
    inner join {{ ref('int_clearing__rules_used') }} as rules on rules.rule_no = kinds.rule_no and rules.is_first_use
)

select * from final
