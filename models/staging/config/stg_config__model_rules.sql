with models as (
    select model_key, billing_rule_codes from {{ ref('stg_config__settlement_models') }}
),

positions as (
    {%- for position in range(1, 33) %}
    select {{ position }} as rule_position
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

named as (
    select
        models.model_key,
        trim(split_part(models.billing_rule_codes, ';', positions.rule_position)) as rule_code
    from models
    cross join positions
),

distinct_rules as (
    select distinct model_key, rule_code
    from named
    where rule_code <> ''
),

-- The fees of one line are ordered by the bytes of their rule codes.
final as (
    select
        model_key,
        rule_code,
        row_number() over (partition by model_key order by {{ bytewise('rule_code') }}) as rule_place
    from distinct_rules
)

select * from final
