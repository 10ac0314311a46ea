{#- Minor units as people write them, with their currency: 10000 of CNY is 100.00 CNY. Where the amount is not a whole number of minor
    units, or the currency is unknown, it says so: a difference must never look like an amount that is not there. -#}
{% macro money_text(minor, minor_per_major, exponent, currency) -%}
    coalesce(
        case when {{ minor }} < 0 then '-' else '' end
        || cast(cast({{ whole_quotient('abs(' ~ minor ~ ')', minor_per_major) }} as bigint) as {{ dbt.type_string() }})
        || case
            when {{ exponent }} > 0
                then
                    '.' || lpad(
                        cast(mod(abs({{ minor }}), {{ minor_per_major }}) as {{ dbt.type_string() }}), cast({{ exponent }} as integer), '0'
                    )
            else ''
        end
        || ' ' || {{ currency }},
        'no whole amount'
    )
{%- endmacro %}
