{{ config(materialized='ephemeral') }}

with models as (
    select model_no, billing_rule_codes from {{ ref('int_clearing__models_used') }}
    where batch_id = {{ batch_id() }} and combination <> 'allocate'
),

positions as (
    {%- for position in range(1, 33) %}
    select {{ position }} as rule_position
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

-- BILL-SEVERAL: every rule that a model names bills each line, once, however often it is named: twice would charge a fee twice.
named as (
    select distinct
        models.model_no,
        trim(split_part(models.billing_rule_codes, ';', positions.rule_position)) as rule_code
    from models
    cross join positions
),

-- ALLOC-ORDER: the fees of one line are ordered by the bytes of their rule codes.
final as (
    select
        model_no,
        rule_code,
        row_number() over (partition by model_no order by {{ bytewise('rule_code') }}) as rule_place
    from named
    where rule_code <> ''
)

select * from final
