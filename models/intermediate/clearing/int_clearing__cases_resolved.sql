{{ config(materialized='ephemeral') }}

-- The orders are read here once more, by these few columns only: that costs less than keeping all lines at hand for two uses.
with orders as (
    select * from {{ ref('stg_orders__orders') }}
    where batch_id = {{ batch_id() }} and status = 'success' and order_type <> 'refund'
    union all
    select orders.*
    from {{ ref('stg_orders__orders') }} as orders
    inner join {{ ref('int_clearing__orders_waiting') }} as waiting
        on waiting.order_no = orders.order_no and waiting.order_version = orders.order_version
    where orders.batch_id <= {{ batch_id() }}
),

parts_due as (
    select distinct
        {%- for name, expression in case_parts('orders', 'lines').items() %}
        {{ expression }} as {{ name }},
        {%- endfor %}
        orders.ordered_date
    from orders
    left join {{ ref('stg_orders__order_lines') }} as lines
        on
            lines.order_no = orders.order_no and lines.order_version = orders.order_version
            and lines.batch_id <= orders.batch_id
),

cases as (
    select parts_due.*, {{ case_key_of_parts() }} as case_key from parts_due
),

matches as (
    select
        cases.*,
        models_used.model_no,
        models.model_code,
        models.needs_contract,
        models.is_ordered,
        rank() over (
            partition by cases.case_key, cases.ordered_date
            order by models.priority
        ) as model_rank
    from cases
    inner join {{ ref('stg_config__settlement_models') }} as models
        on
            models.valid_from <= cases.ordered_date
            and cases.ordered_date < models.valid_to
            and coalesce(models.order_type, cases.order_type) = cases.order_type
            and coalesce(models.product_code, cases.case_product) = cases.case_product
            and coalesce(models.participant_id, cases.case_participant) = cases.case_participant
            and coalesce(models.channel_code, cases.case_channel) = cases.case_channel
            and (
                models.attribute_condition is null
                or strpos(';' || cases.case_attributes || ';', ';' || models.attribute_condition || ';') > 0
            )
    inner join {{ ref('int_clearing__models_used') }} as models_used
        on models_used.model_key = models.model_key and models_used.batch_id = {{ batch_id() }}
),

chosen as (
    select
        case_key, ordered_date, currency,
        min(model_no) as model_no,
        min(model_code) as model_code,
        min(case when is_ordered then 1 else 0 end) = 1 as is_ordered,
        max(case when needs_contract then 1 else 0 end) = 1 as needs_contract,
        count(*) as model_count
    from matches
    where model_rank = 1
    group by case_key, ordered_date, currency
),

-- BILL-VERSION: exactly one version of each named rule must hold on the order's own date; two would bill twice.
rules_counted as (
    select
        chosen.model_no, chosen.ordered_date, chosen.currency, model_rules.rule_code,
        count(rules.rule_no) as version_count,
        max(case when rules.base = 'principal' then 1 else 0 end) as needs_principal,
        max(case when rules.base = 'interest' then 1 else 0 end) as needs_interest
    from (select distinct model_no, ordered_date, currency from chosen) as chosen
    inner join {{ ref('int_clearing__model_rules') }} as model_rules on model_rules.model_no = chosen.model_no
    left join {{ ref('int_clearing__rules_used') }} as rules
        on
            rules.batch_id = {{ batch_id() }} and not rules.is_split and rules.rule_code = model_rules.rule_code
            and rules.valid_from <= chosen.ordered_date
            and chosen.ordered_date < rules.valid_to
            and coalesce(rules.currency, chosen.currency) = chosen.currency
    group by chosen.model_no, chosen.ordered_date, chosen.currency, model_rules.rule_code
),

rules_checked as (
    select
        model_no, ordered_date, currency,
        min(case when version_count <> 1 then rule_code end) as rule_missing,
        max(needs_principal) = 1 as needs_principal,
        max(needs_interest) = 1 as needs_interest
    from rules_counted
    group by model_no, ordered_date, currency
),

final as (
    select
        chosen.*,
        rules_checked.rule_missing,
        -- Where several models compete none is chosen, so no rule can ask for an attribute.
        chosen.model_count = 1 and coalesce(rules_checked.needs_principal, false) as needs_principal,
        chosen.model_count = 1 and coalesce(rules_checked.needs_interest, false) as needs_interest
    from chosen
    left join rules_checked
        on
            rules_checked.model_no = chosen.model_no
            and rules_checked.ordered_date = chosen.ordered_date
            and rules_checked.currency = chosen.currency
)

select * from final
