-- SET-CHARGE: a fee without an allocation rule is its participant's; with one, each bearer that is a participant pays its share.
with lines as (
    select clearing_seq, participant_id from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and clearing_seq is not null
),

billed_to_payee as (
    select model_no from {{ ref('int_clearing__models_used') }}
    where is_first_use and charge_bearer = 'payee'
),

kinds_of_payees as (
    select kind_no from {{ ref('int_clearing__fee_kinds') }}
    where allocation_rule_code is null and model_no in (select model_no from billed_to_payee)
),

paying_bearers as (
    select bearers.bearer_no, participants.participant_id
    from {{ ref('int_clearing__bearers_due') }} as bearers
    left join {{ ref('participants') }} as participants
        on participants.participant_id = bearers.bearer and bearers.bearer <> 'participant'
    where not bearers.has_children and (participants.participant_id is not null or bearers.bearer = 'participant')
),

fees as (
    select lines.clearing_seq, lines.participant_id, fees.fee_minor, cast(0 as bigint) as charge_minor
    from {{ ref('int_clearing__fees') }} as fees
    inner join lines on lines.clearing_seq = {{ seq_of_fee('fees.fee_no') }}
    where fees.batch_id = {{ batch_id() }} and fees.kind_no in (select kind_no from kinds_of_payees)
),

shares as (
    select
        {{ seq_of_fee('grants.fee_no') }} as clearing_seq, paying_bearers.participant_id,
        grants.granted_minor
    from {{ ref('int_clearing__grants') }} as grants
    inner join paying_bearers on paying_bearers.bearer_no = grants.bearer_no
    where grants.batch_id = {{ batch_id() }} and grants.fee_no is not null
    union all
    select {{ seq_of_fee('share_fees.fee_no') }}, paying_bearers.participant_id, share_fees.fee_minor
    from {{ ref('int_clearing__share_fees') }} as share_fees
    inner join paying_bearers on paying_bearers.bearer_no = share_fees.bearer_no
    where share_fees.batch_id = {{ batch_id() }}
),

own_shares as (
    select shares.clearing_seq, lines.participant_id, cast(0 as bigint) as fee_minor, shares.granted_minor as charge_minor
    from shares
    inner join lines on lines.clearing_seq = shares.clearing_seq
    where shares.participant_id is null
),

shares_of_others as (
    select clearing_seq, participant_id, cast(0 as bigint) as fee_minor, granted_minor as charge_minor from shares
    where participant_id is not null
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
