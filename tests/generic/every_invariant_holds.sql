{#- No batch has a broken invariant, old batches included: a loss does not heal by building on. -#}
{% test every_invariant_holds(model) %}
select invariant, batch_id, failing_rows, difference_minor
from {{ model }}
where not coalesce(held, false)
{% endtest %}
