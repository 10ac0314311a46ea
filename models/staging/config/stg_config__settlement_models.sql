with models as (
    select * from {{ ref('settlement_models') }}
),

contracted as (
    select distinct model_code from {{ ref('contracts') }}
),

final as (
    select
        models.model_code,
        {{ content_key([
            'models.model_code', 'models.priority', 'models.order_type', 'models.product_code', 'models.participant_id',
            'models.channel_code', 'models.attribute_name', 'models.attribute_value', 'models.cycle', 'models.calendar_code',
            'models.roll', 'models.billing_rule_codes', 'models.charge_bearer', 'models.requires_channel_match',
            'models.settle_account_kind', 'models.combination', 'models.allocation_rule_code', 'models.ordered', 'models.valid_from', 'models.valid_to'
        ]) }} as model_key,
        coalesce(models.priority, 0) as priority,
        models.order_type,
        models.product_code,
        models.participant_id,
        models.channel_code,
        models.attribute_name,
        models.attribute_value,
        models.attribute_name || '=' || models.attribute_value as attribute_condition,
        upper(coalesce(models.cycle, 'T1')) as cycle,
        coalesce(models.calendar_code, 'CN') as calendar_code,
        coalesce(models.roll, 'none') as roll,
        models.billing_rule_codes,
        coalesce(models.charge_bearer, 'payee') as charge_bearer,
        coalesce(models.requires_channel_match, false) as requires_channel_match,
        coalesce(models.requires_spv_match, false) as requires_spv_match,
        coalesce(models.requires_approval, false) as requires_approval,
        models.settle_account_kind,
        coalesce(models.combination, '') as combination,
        models.allocation_rule_code,
        coalesce(models.ordered, true) as is_ordered,
        contracted.model_code is not null as needs_contract,
        coalesce(models.valid_from, cast('0001-01-01' as date)) as valid_from,
        coalesce(models.valid_to, cast('9999-12-31' as date)) as valid_to
    from models
    left join contracted on contracted.model_code = models.model_code
)

select * from final
