"""Errors that carry their exit code, by what the reader has to do next."""

from __future__ import annotations


class SettleError(Exception):
    """A failure with a message for a person. The exit code says how to recover; 1 is a bug."""

    exit_code = 1


class InputError(SettleError):
    """The input or the call must be mended (exit 2)."""

    exit_code = 2


class TryAgainError(SettleError):
    """Nothing is wrong with the input: locked, unreachable or out of room (exit 3)."""

    exit_code = 3


class DecisionNeededError(SettleError):
    """A person must decide before it can go on (exit 4)."""

    exit_code = 4


class ColumnError(SettleError):
    """A refusal that names what it refuses, for files: `column` and its value."""

    def __init__(self, refusal: SettleError, column: str) -> None:
        super().__init__(str(refusal))
        self.refusal, self.column = refusal, column
        self.exit_code = refusal.exit_code

    def of_option(self, option: str, value: str) -> SettleError:
        """The refusal for a command line: the option and what was given for it first."""
        return type(self.refusal)(f"{f'{option} {value}'.strip()} {self} Nothing was written.")
