{#- SPV-ERROR: every error code of a line of a report, with what it says to the person who mends it. -#}
{% macro spv_errors() -%}
    {{ return([
        ('unknown_product', 'The product is not among the configured ones. Add it with its SPV, or correct the product.'),
        ('unknown_currency', 'The currency is not among the configured ones. Add it, or correct the currency.'),
        ('bad_amount', 'The amount is not above zero, or no whole number of minor units. Correct the amount.'),
        ('missing_split', 'The repayment does not say how much is principal and how much interest. Correct attributes.principal and attributes.interest.'),
        ('split_mismatch', 'Principal, interest and fee do not add up to the amount. Correct the part that is wrong.'),
        ('missing_order', 'The line names no order. Ask the SPV which one it is, and correct the order number.'),
        ('unknown_order', 'We have no such order of this SPV and kind. Correct the order number, or wait for the order.'),
        ('duplicate_line', 'The order has a line already. Correct the order number, or have the SPV take one back.'),
        ('currency_differs', 'The currency is not that of the order. Find out which one is right, and correct the other.'),
        ('status_differs', 'One side has it successful, the other not. Ask the SPV, then correct or send a new version of the order.'),
        ('amount_differs', 'The amount is not that of the order. Find out which one is right, and correct the other.'),
        ('product_differs', 'The product is not that of the order. Find out which one is right, and correct the other.'),
        ('split_differs', 'Principal or interest is not that of the order. Find out which one is right, and correct the other.')
    ]) }}
{%- endmacro %}

{#- The text of the code in a column; empty where there is no error. -#}
{% macro spv_error_text(column) -%}
    case {{ column }}
        {%- for code, text in spv_errors() %}
        when '{{ code }}' then '{{ text }}'
        {%- endfor %}
    end
{%- endmacro %}
