with rules as (
    select rule_no, rule_key, rounding, refund_fee from {{ ref('int_clearing__rules_used') }}
    where is_first_use
),

models as (
    select model_no, model_code, settle_account_kind from {{ ref('int_clearing__models_used') }}
    where is_first_use
),

fees as (
    select batch_id, fee_no, kind_no, base_minor, fee_minor, original_fee_no, base_before_minor from {{ ref('int_clearing__fees') }}
    union all
    select batch_id, fee_no, kind_no, base_minor, fee_minor, original_fee_no, null from {{ ref('int_clearing__share_fees') }}
    where bearer_no is null
),

accounts as (
    select
        *,
        lead(batch_id) over (partition by participant_id, account_kind, currency order by batch_id) as next_batch_id
    from {{ ref('int_clearing__accounts_used') }}
),

factors as (
    select
        *,
        {{ wide_product('rate_digits', 'contract_minor_per_major') }} as rate_factor,
        rate_scale * minor_per_major as rate_divisor
    from {{ ref('int_clearing__fx_rates_used') }}
),

rates as (
    select *, {{ largest_to_convert('rate_factor', 'rate_divisor') }} as largest_minor from factors
),

final as (
    select
        fees.batch_id,
        lines.batch_date,
        lines.clearing_seq,
        lines.order_no,
        lines.order_version,
        lines.line_no,
        lines.entry_kind,
        models.model_code,
        kinds.rule_code,
        kinds.fee_type,
        lines.participant_id,
        lines.currency,
        fees.base_minor,
        fees.fee_minor,
        rules.rule_key,
        rules.rounding,
        rules.refund_fee,
        kinds.allocation_rule_code,
        lines.ordered_date,
        lines.contract_no,
        fees.fee_no,
        {{ seq_of_fee('fees.original_fee_no') }} as original_clearing_seq,
        fees.original_fee_no,
        fees.base_before_minor,
        kinds.accumulate_period_key,
        kinds.contract_currency,
        {{ in_other_currency('fees.fee_minor', 'rates') }} as contract_fee_minor,
        {{ in_other_currency('fees.base_minor', 'rates') }} as contract_base_minor,
        rates.fx_rate,
        rates.fx_rate_date,
        case when rates.fx_rate is not null then 'half_up' end as fx_rounding,
        accounts.account_no
    from fees
    inner join {{ ref('int_clearing__lines_sorted') }} as lines
        on lines.batch_id = fees.batch_id and lines.clearing_seq = {{ seq_of_fee('fees.fee_no') }}
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = fees.kind_no
    inner join rules on rules.rule_no = kinds.rule_no
    inner join models on models.model_no = kinds.model_no
    -- A reversal is shown by the rate that was recorded with what it reverses, which its kind has.
    left join rates
        on
            rates.currency = kinds.currency and rates.contract_currency = kinds.contract_currency
            and rates.batch_id = case when lines.entry_kind = 'refund' then fees.batch_id else kinds.batch_id end
            and rates.ordered_date = case when lines.entry_kind = 'refund' then lines.ordered_date else kinds.ordered_date end
    left join accounts
        on
            accounts.participant_id = lines.participant_id and accounts.account_kind = models.settle_account_kind
            and accounts.currency = lines.currency
            and accounts.batch_id <= fees.batch_id
            and (accounts.next_batch_id is null or fees.batch_id < accounts.next_batch_id)
)

select * from final
