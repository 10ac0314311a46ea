{#- What refunds give back of an amount's shares: `back` has fee_no, original_fee_no, split_no (what was split), back_minor (> 0). -#}
{% macro releases_of(back, level) -%}
with backs as (
    select * from {{ back }}
),

back_until as (
    select
        fee_no, original_fee_no, split_no, back_minor,
        {{ minor_sum('back_minor', over='partition by original_fee_no, split_no') }} as together_minor,
        {{ minor_sum('back_minor', over='partition by original_fee_no, split_no order by fee_no') }} as until_minor
    from backs
),

taken_back as (
    select distinct original_fee_no, split_no, together_minor from back_until
),

granted as (
    select
        grants.fee_no as original_fee_no, bearers.split_no, grants.bearer_no, bearers.bearer, bearers.priority, grants.granted_minor,
        taken_back.together_minor
    from {{ history_of('int_clearing__grants') }} as grants
    inner join taken_back on taken_back.original_fee_no = grants.fee_no
    inner join {{ ref('int_clearing__bearers_due') }} as bearers
        on bearers.bearer_no = grants.bearer_no and bearers.split_no = taken_back.split_no and bearers.allocation_level = {{ level }}
    where grants.batch_id <= {{ batch_id() }}
),

released_before as (
    select before.original_fee_no, before.bearer_no, {{ minor_sum('before.granted_minor') }} as released_minor
    from {{ history_of('int_clearing__grants') }} as before
    where
        before.batch_id < {{ batch_id() }}
        and before.original_fee_no in (select original_fee_no from taken_back)
    group by before.original_fee_no, before.bearer_no
),

left_of_grants as (
    select granted.*, granted.granted_minor + coalesce(released_before.released_minor, 0) as left_minor
    from granted
    left join released_before
        on released_before.original_fee_no = granted.original_fee_no and released_before.bearer_no = granted.bearer_no
),

-- ALLOC-RELEASE: by largest remainder over what is left of each grant, so no bearer gets back more than it bore …
shares as (
    {{ largest_remainder('left_of_grants', ['original_fee_no', 'split_no'], 'priority', 'together_minor', 'left_minor') }}
),

laid as (
    select
        shares.*,
        {{ minor_sum('share_minor', over='partition by original_fee_no, split_no order by priority, ' ~ bytewise('bearer')) }} as until_minor
    from shares
),

-- … and laid on the refunds in clearing order, bearers by priority.
final as (
    select
        back_until.fee_no, back_until.original_fee_no, laid.bearer_no,
        least(back_until.until_minor, laid.until_minor)
        - greatest(back_until.until_minor - back_until.back_minor, laid.until_minor - laid.share_minor) as released_minor
    from back_until
    inner join laid
        on
            laid.original_fee_no = back_until.original_fee_no and laid.split_no = back_until.split_no
            and laid.until_minor > back_until.until_minor - back_until.back_minor
            and laid.until_minor - laid.share_minor < back_until.until_minor
)

select * from final
{%- endmacro %}

{#- What reversals take back at one level: every recorded grant, whole. -#}
{% macro reversals_of(level) -%}
    select fees.fee_no, fees.original_fee_no, grants.bearer_no, grants.granted_minor as released_minor
    from {{ ref('int_clearing__fees_given_back') }} as fees
    inner join {{ history_of('int_clearing__grants') }} as grants on grants.fee_no = fees.original_fee_no and grants.batch_id < {{ batch_id() }}
    inner join {{ ref('int_clearing__bearers_due') }} as bearers
        on bearers.bearer_no = grants.bearer_no and bearers.allocation_level = {{ level }}
    where fees.entry_kind = 'reversal'
{%- endmacro %}
