-- BILL-FX: a contract is kept in one currency, whatever rows it has: a fee is shown in one, not in the smallest of several.
select contract_no, min(currency) as one_currency, max(currency) as other_currency
from {{ ref('contracts') }}
group by contract_no
having count(distinct coalesce(currency, '')) > 1
