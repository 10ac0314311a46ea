{{ config(materialized='ephemeral') }}

{#- Where there are no contracts they are not joined: DuckDB takes a join with an empty table for one without result, and then plans
    all that follows, the numbering of the lines too, for no rows. -#}
{%- set has_contracts = has_rows(ref('contracts')) -%}

with dates as (
    select distinct ordered_date from {{ ref('int_clearing__cases_resolved') }}
),

contracts_in_force as (
    select contracts.participant_id, contracts.model_code, dates.ordered_date, min(contracts.contract_no) as contract_no
    from {{ ref('contracts') }} as contracts
    inner join dates
        on
            coalesce(contracts.valid_from, dates.ordered_date) <= dates.ordered_date
            and (contracts.valid_to is null or dates.ordered_date < contracts.valid_to)
    group by contracts.participant_id, contracts.model_code, dates.ordered_date
),

resolved as (
    select
        lines.*,
        cases.model_no, cases.model_code, cases.is_ordered, cases.needs_contract, cases.model_count, cases.rule_missing,
        cases.needs_principal, cases.needs_interest,
        {{ 'contracts_in_force.contract_no' if has_contracts else 'cast(null as ' ~ dbt.type_string() ~ ') as contract_no' }},
        lines.product_code in (select product_code from {{ ref('products') }}) as is_product_known,
        coalesce(lines.participant_id in (select participant_id from {{ ref('participants') }}), false) as is_participant_known,
        lines.channel_code in (select channel_code from {{ ref('channels') }}) as is_channel_known,
        case
            when cases.needs_principal or cases.needs_interest
                then coalesce(lines.line_attributes, case when lines.line_count = 1 then lines.order_attributes end)
        end as billed_attributes
    from {{ ref('int_clearing__lines_due') }} as lines
    left join {{ ref('int_clearing__cases_resolved') }} as cases
        on cases.case_key = lines.case_key and cases.ordered_date = lines.ordered_date
    {% if has_contracts -%}
    left join contracts_in_force
        on
            contracts_in_force.participant_id = lines.participant_id
            and contracts_in_force.model_code = cases.model_code
            and contracts_in_force.ordered_date = lines.ordered_date
    {%- endif %}
),

with_bases as (
    select
        resolved.*,
        case
            when needs_principal
                then {{ to_minor(decimal_from_text(json_text('billed_attributes', "'principal'")), 'minor_per_major') }}
        end as principal_minor,
        case
            when needs_interest
                then {{ to_minor(decimal_from_text(json_text('billed_attributes', "'interest'")), 'minor_per_major') }}
        end as interest_minor
    from resolved
),

-- SORT-REASON: the first that applies, in this order.
ranked as (
    select
        with_bases.*,
        case
            when not is_successful then 13
            when minor_per_major is null then 1
            when product_code is not null and not is_product_known then 2
            when not is_participant_known then 3
            when channel_code is not null and not is_channel_known then 4
            when
                amount_minor is null or amount_minor <= 0
                or (needs_principal and coalesce(principal_minor, -1) < 0)
                or (needs_interest and coalesce(interest_minor, -1) < 0) then 5
            when has_lines and has_header_amount and {{ differs('header_minor', 'lines_minor') }} then 6
            when model_no is null then 7
            when model_count > 1 then 8
            when needs_contract and contract_no is null then 9
            when rule_missing is not null then 10
            when is_refused then 13
        end as reason_rank
    from with_bases
),

final as (
    select
        order_no, order_version, line_no, has_lines, is_correction, is_ordered, participant_id, channel_code, currency,
        ordered_at, ordered_date, amount_minor, principal_minor, interest_minor, model_no, contract_no,
        reason_rank,
        {{ reason_detail() }} as reason_detail
    from ranked
)

select * from final
