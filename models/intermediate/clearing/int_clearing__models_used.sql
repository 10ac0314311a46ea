with configured as (
    select distinct * from {{ ref('stg_config__settlement_models') }}
),

known as (
    select model_key, model_no from {{ this }}
    where batch_id < {{ batch_id() }} and is_first_use
),

last_number as (
    select coalesce(max(model_no), 0) as model_no from {{ this }}
    where batch_id < {{ batch_id() }}
),

-- SORT-MODEL: what a model said when a line was sorted is kept under a number of its own; what follows the line, even years
-- later, follows that, whatever the configuration says by then.
numbered as (
    select
        configured.*,
        known.model_no as known_no,
        sum(case when known.model_no is null then 1 else 0 end) over (
            order by {{ bytewise('configured.model_key') }} rows between unbounded preceding and current row
        ) as new_place
    from configured
    left join known on known.model_key = configured.model_key
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        cast(coalesce(numbered.known_no, last_number.model_no + numbered.new_place) as bigint) as model_no,
        numbered.known_no is null as is_first_use,
        numbered.model_key, numbered.model_code, numbered.billing_rule_codes, numbered.charge_bearer,
        numbered.requires_channel_match, numbered.settle_account_kind, numbered.cycle, numbered.calendar_code, numbered.roll,
        numbered.combination, numbered.allocation_rule_code, numbered.is_ordered
    from numbered
    cross join last_number
)

select * from final
