"""Loading: templates, readers, checks, the file ledger, and the bulk paths of both engines."""
