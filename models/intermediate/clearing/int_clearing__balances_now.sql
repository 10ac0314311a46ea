{{ config(materialized='ephemeral') }}

with bearers as (
    select bearer_no, accumulator_no from {{ ref('int_clearing__bearers_due') }}
    where cap_minor is not null
),

moved as (
    select
        bearers.accumulator_no,
        {{ minor_sum('case when grants.granted_minor > 0 then grants.granted_minor else 0 end') }} as granted_minor,
        {{ minor_sum('case when grants.granted_minor < 0 then -grants.granted_minor else 0 end') }} as released_minor
    from {{ history_of('int_clearing__grants') }} as grants
    inner join bearers on bearers.bearer_no = grants.bearer_no
    where grants.batch_id = {{ batch_id() }} and grants.fee_no is not null
    group by bearers.accumulator_no
),

balances_before as (
    select bearer_no as accumulator_no, accumulated_minor as closing_minor
    from {{ history_of('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} - 1 and fee_no is null
),

final as (
    select
        coalesce(moved.accumulator_no, before.accumulator_no) as accumulator_no,
        coalesce(before.closing_minor, 0) as opening_minor,
        coalesce(moved.granted_minor, 0) as granted_minor,
        coalesce(moved.released_minor, 0) as released_minor
    from moved
    full outer join balances_before as before on before.accumulator_no = moved.accumulator_no
)

select * from final
