"""What finance expects of the numbers: suites as data, a checkpoint per batch, and what it found."""
