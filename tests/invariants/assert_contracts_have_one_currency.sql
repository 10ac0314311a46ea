-- BILL-FX: a contract is kept in one currency, whatever rows it has: a fee is shown in one, not in the smallest of several.
{{ config(meta={
    'owner': 'clearing',
    'about': 'configuration',
    'action': 'Mend contracts.csv: give all rows of a contract the same currency, or none.'
}) }}

select contract_no, min(currency) as one_currency, max(currency) as other_currency
from {{ ref('contracts') }}
group by contract_no
having count(distinct coalesce(currency, '')) > 1
