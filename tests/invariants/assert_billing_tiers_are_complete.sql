-- BILL-TIER-DATE: on every date the tiers of a rule follow each other without overlap: a base in two tiers would be priced twice.
{{ config(meta={'owner': 'clearing', 'about': 'configuration', 'action': 'Mend billing_tiers.csv; nothing is billed until then.'}) }}

with tiers as (
    select
        *,
        lag(to_minor) over (partition by rule_code, set_from order by from_minor, tier_no) as to_before,
        lag(tier_no) over (partition by rule_code, set_from order by from_minor, tier_no) as tier_before
    from {{ ref('stg_config__billing_tiers') }}
),

judged as (
    select
        rule_code, set_from, tier_no,
        case
            when from_minor < 0 or ppm < 0 or flat_minor < 0 then 'has an amount below 0'
            when to_minor <= from_minor then 'ends where it begins, or before'
            when tier_before is not null and to_before is null then 'follows a tier without end: give that one a to_minor'
            when to_before > from_minor then 'begins before the tier below it ends'
            when tier_before > tier_no then 'is numbered below the tier under it'
        end as problem
    from tiers
    union all
    select rule_code, valid_from, tier_no, 'is valid on no date: valid_to is not after valid_from'
    from {{ ref('billing_tiers') }}
    where valid_to <= valid_from
)

select * from judged
where problem is not null
