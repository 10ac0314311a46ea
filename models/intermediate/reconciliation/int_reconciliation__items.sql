{{ items_pooled(items_now=ref('int_reconciliation__items_now'), decisions_due=ref('int_reconciliation__decisions_due')) }}
