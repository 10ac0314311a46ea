{#- Splits a whole amount by whole weights so that the shares add up: everyone gets the whole part, the missing units go one
    each to the largest remainders, ties to the smaller `tie`. Rows of `relation` need the group columns, the tie column, the
    amount (same in a group) and the weight (not negative). Returns a select of the rows with share_minor added.
    Source: the largest-remainder (Hamilton) method. Example: 10 by weights 1, 1, 1 gives 4, 3, 3. -#}
{% macro largest_remainder(relation, group_by, tie, amount, weight) -%}
    {%- set groups = group_by | join(', ') -%}
    select
        split.*,
        cast(
            whole_part + case when remainder_rank <= {{ amount }} - sum(whole_part) over (partition by {{ groups }}) then 1 else 0 end
            as bigint
        ) as share_minor
    from (
        select
            divided.*,
            row_number() over (partition by {{ groups }} order by remainder desc, {{ tie }}) as remainder_rank
        from (
            select
                weighed.*,
                case when weight_total = 0 then 0 else {{ whole_quotient(wide_product(amount, weight), 'weight_total') }} end as whole_part,
                case when weight_total = 0 then 0 else mod({{ wide_product(amount, weight) }}, weight_total) end as remainder
            from (
                select
                    rows_to_split.*,
                    cast(sum({{ weight }}) over (partition by {{ groups }}) as {{ wide_type() }}) as weight_total
                from {{ relation }} as rows_to_split
            ) as weighed
        ) as divided
    ) as split
{%- endmacro %}
