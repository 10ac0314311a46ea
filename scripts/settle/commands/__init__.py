"""One module per command: it reads options, calls one function and prints one summary."""
