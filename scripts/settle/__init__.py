"""Settlement warehouse: files in, dbt computes, results out. Money is computed in SQL only."""

__version__ = "0.1.0"
