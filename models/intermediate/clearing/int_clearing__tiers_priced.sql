{{ config(materialized='ephemeral') }}

with final as (
    select
        tier_set_no, tier_no, from_minor, to_minor, ppm, flat_minor,
        lead(from_minor) over (partition by tier_set_no order by from_minor) as next_from_minor,
        -- What the tiers below this one cost in full, in millionths of a minor unit.
        coalesce(
            sum({{ wide_product('coalesce(to_minor, from_minor) - from_minor', 'ppm') }} + {{ wide_product('flat_minor', 1000000) }})
                over (partition by tier_set_no order by from_minor rows between unbounded preceding and 1 preceding),
            0
        ) as below_millionths
    from {{ ref('int_clearing__tiers_used') }}
    where is_first_use
)

select * from final
