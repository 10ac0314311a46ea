with tiers as (
    select
        rule_code,
        tier_no,
        coalesce(from_minor, 0) as from_minor,
        to_minor,
        coalesce(ppm, 0) as ppm,
        coalesce(flat_minor, 0) as flat_minor
    from {{ ref('billing_tiers') }}
),

final as (
    select
        rule_code,
        tier_no,
        from_minor,
        to_minor,
        ppm,
        flat_minor,
        lead(from_minor) over (partition by rule_code order by from_minor) as next_from_minor,
        -- What the tiers below this one cost in full, in millionths of a minor unit.
        coalesce(
            sum({{ wide_product('coalesce(to_minor, from_minor) - from_minor', 'ppm') }} + {{ wide_product('flat_minor', 1000000) }})
                over (partition by rule_code order by from_minor rows between unbounded preceding and 1 preceding),
            0
        ) as below_millionths
    from tiers
)

select * from final
