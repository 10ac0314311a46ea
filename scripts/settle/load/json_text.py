"""JSON as every reader takes it: what DuckDB lets pass and PostgreSQL does not."""

from __future__ import annotations


def is_no_object(text: str) -> bool:
    """Whether a text is anything else than a strict JSON object."""
    import json

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        return not isinstance(json.loads(text, parse_constant=refuse), dict)
    except (ValueError, RecursionError):
        return True
