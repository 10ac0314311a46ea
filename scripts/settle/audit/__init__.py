"""Reports and bills through their states: the state machine, the journal and its chain, the anchor outside."""
