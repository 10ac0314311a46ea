with tiers as (
    select
        rule_code,
        coalesce(tier_no, 1) as tier_no,
        coalesce(from_minor, 0) as from_minor,
        to_minor,
        coalesce(ppm, 0) as ppm,
        coalesce(flat_minor, 0) as flat_minor,
        coalesce(valid_from, cast('0001-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to
    from {{ ref('billing_tiers') }}
),

turns as (
    select rule_code, valid_from as set_from from tiers
    union
    select rule_code, valid_to from tiers
),

-- BILL-TIER-DATE: between two days on which any tier of a rule begins or ends, the same tiers hold: a set.
sets as (
    select
        rule_code,
        set_from,
        coalesce(lead(set_from) over (partition by rule_code order by set_from), cast('9999-12-31' as date)) as set_to
    from turns
),

final as (
    select
        sets.rule_code, sets.set_from, sets.set_to,
        tiers.tier_no, tiers.from_minor, tiers.to_minor, tiers.ppm, tiers.flat_minor
    from sets
    inner join tiers
        on tiers.rule_code = sets.rule_code and tiers.valid_from <= sets.set_from and sets.set_from < tiers.valid_to
)

select * from final
