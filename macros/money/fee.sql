{#- Fee of a base under a rule version, before the clamp (BILL-RATE … BILL-PACKAGE): exact in millionths of a minor unit, rounded
    once by the rule's policy. Small amounts are computed in 64 bits, which costs a third on DuckDB; both give the same. -#}
{% macro fee_of(base, rule, tier) -%}
    case
        when {{ base }} < 1000000000000 and {{ rule }}.method in ('rate', 'rate_plus_fixed', 'fixed') and {{ rule }}.fixed_minor < 1000000000000
            then {{ rounded_quotient(
                '(' ~ base ~ ' * ' ~ rule ~ '.rate_ppm + ' ~ rule ~ '.flat_minor * 1000000)', '1000000', rule ~ '.rounding'
            ) }}
        else {{ rounded_quotient(fee_millionths(base, rule, tier), '1000000', rule ~ '.rounding') }}
    end
{%- endmacro %}

{% macro fee_millionths(base, rule, tier) -%}
    case {{ rule }}.method
        when 'package'
            then {{ wide_product(whole_quotient(base ~ ' + ' ~ rule ~ '.package_size_minor - 1', rule ~ '.package_size_minor'), rule ~ '.package_price_minor') }} * 1000000
        when 'graduated'
            then coalesce(
                {{ tier }}.below_millionths + {{ wide_product(tier ~ '.flat_minor', 1000000) }}
                + {{ wide_product('least(' ~ base ~ ', coalesce(' ~ tier ~ '.to_minor, ' ~ base ~ ')) - ' ~ tier ~ '.from_minor', tier ~ '.ppm') }},
                0
            )
        when 'volume'
            then case
                when {{ tier }}.ppm is not null and {{ base }} <= coalesce({{ tier }}.to_minor, {{ base }})
                    then {{ wide_product(base, tier ~ '.ppm') }} + {{ wide_product(tier ~ '.flat_minor', 1000000) }}
                else 0
            end
        else {{ wide_product(base, rule ~ '.rate_ppm') }} + {{ wide_product(rule ~ '.flat_minor', 1000000) }}
    end
{%- endmacro %}

{#- What a refund takes off an amount of its original: the amount's part up to and with this refund less the part before it. -#}
{% macro part_given_back(amount, refund, policy) -%}
    ({{ rounded_quotient(wide_product(amount, refund ~ '.refunded_minor'), refund ~ '.original_minor', policy) }}
    - {{ rounded_quotient(wide_product(amount, '(' ~ refund ~ '.refunded_minor - ' ~ refund ~ '.amount_minor)'), refund ~ '.original_minor', policy) }})
{%- endmacro %}

{#- A weight below 10^9 that scatters over fee numbers, for control totals that notice a unit moved from one fee to another. -#}
{% macro fee_weight(fee_no) -%} mod({{ fee_no }} * 1000003, 998244353) {%- endmacro %}
