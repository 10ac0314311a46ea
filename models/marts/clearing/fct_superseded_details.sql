-- RESET-KEPT: fct_clearing_details has the rows that hold; these were taken out of it by a reset. Their numbers were given again since.
with final as (
    select
        reset_no,
        batch_id,
        batch_date,
        clearing_seq,
        order_no,
        order_version,
        line_no,
        entry_kind,
        model_code,
        rule_code,
        fee_type,
        participant_id,
        currency,
        base_minor,
        fee_minor,
        rule_key,
        rounding,
        refund_fee,
        allocation_rule_code,
        ordered_date,
        contract_no,
        fee_no,
        original_clearing_seq,
        original_fee_no,
        base_before_minor,
        accumulate_period_key,
        contract_currency,
        contract_fee_minor,
        contract_base_minor,
        fx_rate,
        fx_rate_date,
        fx_rounding,
        account_no
    from {{ source('superseded', 'fct_clearing_details') }}
)

select * from final
