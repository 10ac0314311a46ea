{{ config(materialized='ephemeral') }}

{{ items_now(
    judged=ref('int_reconciliation__items_judged'), before=ref('int_reconciliation__items_before'),
    decisions_due=ref('int_reconciliation__decisions_due')
) }}
