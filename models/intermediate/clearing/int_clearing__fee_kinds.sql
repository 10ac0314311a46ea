with line_kinds as (
    select distinct model_no, currency, ordered_date, coalesce(contract_no, '') as contract_no
    from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and clearing_seq is not null and entry_kind = 'new'
),

models as (
    select model_no, combination, allocation_rule_code from {{ ref('int_clearing__models_used') }}
    where batch_id = {{ batch_id() }}
),

rules as (
    select * from {{ ref('int_clearing__rules_used') }}
    where batch_id = {{ batch_id() }}
),

tier_sets as (
    select distinct tier_set_no, rule_code, set_from, set_to from {{ ref('int_clearing__tiers_used') }}
    where batch_id = {{ batch_id() }}
),

contract_currencies as (
    select contract_no, min(currency) as contract_currency from {{ ref('contracts') }}
    group by contract_no
),

-- BILL-VERSION: the order's own date chooses the version of the rule, and with it the tiers. COMB-MODEL: the model says whether its fee is
-- allocated, or billed on each share of the amount.
billed as (
    select
        line_kinds.*, rules.rule_no, model_rules.rule_place, rules.rule_code, rules.fee_type, rules.method, rules.accumulate_period,
        case when models.combination in ('', 'bill_allocate') then rules.allocation_rule_code end as allocation_rule_code,
        models.combination = 'allocate_bill' as is_on_shares
    from line_kinds
    inner join models on models.model_no = line_kinds.model_no
    inner join {{ ref('int_clearing__model_rules') }} as model_rules on model_rules.model_no = line_kinds.model_no
    inner join rules
        on
            not rules.is_split and rules.rule_code = model_rules.rule_code
            and rules.valid_from <= line_kinds.ordered_date and line_kinds.ordered_date < rules.valid_to
            and coalesce(rules.currency, line_kinds.currency) = line_kinds.currency
    union all
    select line_kinds.*, rules.rule_no, 0, rules.rule_code, rules.fee_type, rules.method, null, rules.allocation_rule_code, false
    from line_kinds
    inner join models on models.model_no = line_kinds.model_no
    inner join rules on rules.is_split and rules.rule_code = models.allocation_rule_code
    where models.combination in ('allocate', 'allocate_bill')
),

-- Fees carry one number for all of this. A batch has fewer than 10^8 kinds.
final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        cast({{ first_number_of_batch() }} + row_number() over (
            order by billed.model_no, billed.rule_no, {{ bytewise('billed.currency') }}, billed.ordered_date, {{ bytewise('billed.contract_no') }}
        ) as bigint) as kind_no,
        billed.model_no, billed.rule_no, cast(billed.rule_place as bigint) as rule_place, billed.rule_code, billed.fee_type,
        billed.allocation_rule_code, billed.is_on_shares, billed.currency, billed.ordered_date, billed.contract_no,
        case
            when billed.method in ('graduated', 'volume', 'cumulative_graduated', 'cumulative_volume') then tier_sets.tier_set_no
        end as tier_set_no,
        {{ base_period_key('billed.accumulate_period', 'billed.ordered_date') }} as accumulate_period_key,
        contract_currencies.contract_currency
    from billed
    left join tier_sets
        on
            tier_sets.rule_code = billed.rule_code
            and tier_sets.set_from <= billed.ordered_date and billed.ordered_date < tier_sets.set_to
    left join contract_currencies on contract_currencies.contract_no = billed.contract_no
)

select * from final
