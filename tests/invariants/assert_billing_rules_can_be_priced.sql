-- BILL-CLAMP: a rule whose minimum is above its maximum has no fee that meets both; whichever limit won, one side of the contract would be broken.
{{ config(meta={
    'owner': 'clearing',
    'about': 'configuration',
    'action': 'Mend billing_rules.csv: no fee is at least the minimum and at most the maximum if the minimum is larger.'
}) }}

-- Read as written: staging fills in a missing package size. Named here so that this test does not keep staging's own from running:
-- depends_on: {{ ref('stg_config__billing_rules') }}
with rules as (
    select * from {{ ref('billing_rules') }}
),

judged as (
    select
        rule_code, valid_from,
        case
            when
                ppm < 0 or fixed_minor < 0 or package_price_minor < 0 or min_minor < 0 or max_minor < 0
                then 'has a rate or an amount below 0'
            when
                min_minor > max_minor
                then
                    'has a min_minor of ' || cast(min_minor as {{ dbt.type_string() }})
                    || ', above its max_minor of ' || cast(max_minor as {{ dbt.type_string() }})
            when method = 'package' and coalesce(package_size_minor, 0) < 1 then 'needs a package_size_minor of 1 or more'
        end as problem
    from rules
)

select * from judged
where problem is not null
