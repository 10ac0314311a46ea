-- COMB-MODEL: a model that splits amounts names an allocation rule that exists, and one that bills the shares uses rules that can bill a share.
-- BILL-SEVERAL: no more rules than are read; the others would bill nothing.
{{ config(meta={
    'owner': 'clearing',
    'about': 'configuration',
    'action': 'Mend settlement_models.csv (combination, allocation_rule_code) or the billing rules it names.'
}) }}

with models as (
    select model_code, combination, allocation_rule_code, billing_rule_codes from {{ ref('stg_config__settlement_models') }}
),

rules as (
    select distinct rule_code, method, base from {{ ref('stg_config__billing_rules') }}
),

allocations as (
    select distinct allocation_rule_code from {{ ref('stg_config__allocation_bearers') }}
)

select models.model_code, 'names no allocation rule that exists' as problem
from models
left join allocations on allocations.allocation_rule_code = models.allocation_rule_code
where models.combination in ('allocate', 'allocate_bill') and allocations.allocation_rule_code is null
union all
select models.model_code, 'rule ' || rules.rule_code || ' can not bill a share: base must be amount or count, and nothing cumulative'
from models
inner join rules on strpos(';' || models.billing_rule_codes || ';', ';' || rules.rule_code || ';') > 0
where
    models.combination = 'allocate_bill'
    and (rules.base not in ('amount', 'count') or rules.method in ('cumulative_graduated', 'cumulative_volume'))
union all
select model_code, 'names more than 32 billing rules'
from models
where split_part(billing_rule_codes, ';', 33) <> ''
union all
select model_code, 'combination ' || combination || ' is not known'
from models
where combination not in ('', 'bill', 'bill_allocate', 'allocate', 'allocate_bill')
