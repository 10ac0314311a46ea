"""The benchmark: the warehouse beside a script that does the same work by hand."""
