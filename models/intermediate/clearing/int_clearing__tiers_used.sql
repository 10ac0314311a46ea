with configured as (
    select
        *,
        {{ content_key(['rule_code', 'set_from', 'set_to', 'tier_no', 'from_minor', 'to_minor', 'ppm', 'flat_minor']) }} as tier_key
    from {{ ref('stg_config__billing_tiers') }}
),

sets as (
    select rule_code, set_from, md5({{ dbt.listagg('tier_key', "';'", 'order by tier_key') }}) as set_key
    from configured
    group by rule_code, set_from
),

known as (
    select distinct set_key, tier_set_no from {{ this }}
    where batch_id < {{ batch_id() }} and is_first_use
),

last_number as (
    select coalesce(max(tier_set_no), 0) as tier_set_no from {{ this }}
    where batch_id < {{ batch_id() }}
),

numbered as (
    select
        sets.*,
        known.tier_set_no as known_no,
        sum(case when known.tier_set_no is null then 1 else 0 end) over (
            order by {{ bytewise('sets.set_key') }} rows between unbounded preceding and current row
        ) as new_place
    from sets
    left join known on known.set_key = sets.set_key
),

-- BILL-RECORD: the tiers that priced a batch are kept with it, as the versions of its rules are.
final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        cast(coalesce(numbered.known_no, last_number.tier_set_no + numbered.new_place) as bigint) as tier_set_no,
        numbered.known_no is null as is_first_use,
        numbered.set_key, configured.rule_code, configured.set_from, configured.set_to,
        configured.tier_no, configured.from_minor, configured.to_minor, configured.ppm, configured.flat_minor
    from numbered
    inner join configured on configured.rule_code = numbered.rule_code and configured.set_from = numbered.set_from
    cross join last_number
)

select * from final
