-- SET-CHARGE: a fee without an allocation rule is its participant's; with one, each bearer that is a participant pays its share.
with lines as (
    select clearing_seq, participant_id, model_key from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and clearing_seq is not null
),

fees as (
    select details.clearing_seq, lines.participant_id, details.fee_minor, cast(0 as bigint) as charge_minor
    from {{ ref('fct_clearing_details') }} as details
    inner join lines on lines.clearing_seq = details.clearing_seq
    inner join {{ ref('stg_config__settlement_models') }} as models on models.model_key = lines.model_key
    where details.batch_id = {{ batch_id() }} and details.allocation_rule_code is null and models.charge_bearer = 'payee'
),

own_shares as (
    select lines.clearing_seq, lines.participant_id, cast(0 as bigint) as fee_minor, grants.granted_minor as charge_minor
    from {{ ref('int_clearing__grants') }} as grants
    inner join lines on lines.clearing_seq = cast({{ whole_quotient('grants.fee_no', '100') }} as bigint)
    where grants.batch_id = {{ batch_id() }} and grants.row_kind = 'grant' and grants.bearer = 'participant'
),

shares_of_others as (
    select
        cast({{ whole_quotient('grants.fee_no', '100') }} as bigint) as clearing_seq,
        grants.bearer as participant_id, cast(0 as bigint) as fee_minor, grants.granted_minor as charge_minor
    from {{ ref('int_clearing__grants') }} as grants
    inner join {{ ref('participants') }} as participants on participants.participant_id = grants.bearer
    where grants.batch_id = {{ batch_id() }} and grants.row_kind = 'grant' and grants.bearer <> 'participant'
),

together as (
    select * from fees
    union all
    select * from own_shares
    union all
    select * from shares_of_others
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        clearing_seq, participant_id,
        {{ minor_sum('fee_minor') }} as fee_minor,
        {{ minor_sum('charge_minor') }} as charge_minor
    from together
    group by clearing_seq, participant_id
)

select * from final
