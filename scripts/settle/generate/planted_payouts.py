"""Payouts of a random world and what the bank answers: paid late, otherwise, twice, not at all, by nobody's order."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5

from settle.generate.break_worlds import PAID_AT_ONCE, BreakWorld
from settle.generate.world import BankAnswer, major

RELATION = "instructions_bank"


def _earned(world: BreakWorld, day: int, minor: int, currency: str) -> str:
    """Somebody new earns this on a day, paid through a channel without a difference; returns who."""
    payee, rule = world.rows.number(f"{world.name}P"), world.rule()
    world.payees.append(payee)
    number = world.order(day, minor, rule, currency=currency, participant=payee, product=PAID_AT_ONCE)
    world.line(day, number, minor, rule, currency=currency)
    return payee


def _instruction(world: BreakWorld, day: int, payee: str, currency: str, attempt: int = 1) -> str:
    """The number under which the bill of that day is paid; payees have no account of their own."""
    keys = md5(f"|{currency}|{PAID_AT_ONCE}".encode()).hexdigest()[:6]
    number = f"PAY-B{day + 1}-{payee}-{world.date_of(day):%Y%m%d}-{keys}"
    return number if attempt == 1 else f"{number}-{attempt}"


def _answer(
    world: BreakWorld, day: int, instruction_no: str, minor: int, currency: str, status: str = "success"
) -> str:
    """The bank answers; returns the name of the answer."""
    answer = BankAnswer(
        file_no=f"{world.name}F{day}",
        instruction_no=instruction_no,
        bank_txn_no=world.rows.number(f"{world.name}B"),
        amount=major(minor, currency),
        currency=currency,
        status=status,
        failure_code="" if status == "success" else "E7",
        failure_reason="" if status == "success" else "account closed",
        processed_at=world.rows.time_on(world.date_of(day)),
    )
    world.rows.days[day].bank_returns.append(answer)
    return f"{answer.file_no}/{answer.bank_txn_no}"


def _paid(world: BreakWorld, currency: str) -> None:
    (day, later), minor = world.days(2), world.minor()
    name = _instruction(world, day, _earned(world, day, minor, currency), currency)
    off = world.random.choice((0, 0, -250, -1, 1, 250))
    _answer(world, later, name, minor + off, currency)
    kind, result = ("payout_off", "amount_mismatch") if off else ("payout", "matched_late")
    world.expect(kind, name, None, result, minor, minor + off, later, currency=currency, opened=day, relation=RELATION)


def _failed(world: BreakWorld, currency: str) -> None:
    """Failed, so that it is in the next bill, which is paid or not answered."""
    (day, later, last), minor = world.days(3), world.minor()
    payee = _earned(world, day, minor, currency)
    name, again = _instruction(world, day, payee, currency), _instruction(world, later, payee, currency, 2)
    _answer(world, later, name, minor, currency, "failed")
    world.expect(
        "payout_failed",
        name,
        None,
        "status_mismatch",
        minor,
        0,
        later,
        currency=currency,
        opened=day,
        relation=RELATION,
    )
    if world.random.random() < 0.5:
        _answer(world, last, again, minor, currency)
        result, right, changed = "matched_late", minor, last
    else:
        result, right, changed = "platform_only", None, later
    world.expect("payout_again", again, None, result, minor, right, changed, currency=currency, relation=RELATION)


def _paid_twice(world: BreakWorld, currency: str) -> None:
    (day, first, second), minor = world.days(3), world.minor()
    second = world.random.choice((first, second))
    name = _instruction(world, day, _earned(world, day, minor, currency), currency)
    answers = [_answer(world, on, name, minor, currency) for on in (first, second)]
    world.expect("payout", name, None, "matched_late", minor, minor, first, currency=currency, relation=RELATION)
    world.expect(
        "payout_twice",
        name,
        None,
        "duplicate_channel",
        None,
        minor,
        second,
        currency=currency,
        suffix=f"|dup|{answers[1]}",
        relation=RELATION,
    )


def _not_answered(world: BreakWorld, currency: str) -> None:
    (day,), minor = world.days(), world.minor()
    name = _instruction(world, day, _earned(world, day, minor, currency), currency)
    world.expect(
        "payout_not_answered", name, None, "platform_only", minor, None, day, currency=currency, relation=RELATION
    )


def _not_instructed(world: BreakWorld, currency: str) -> None:
    (day,), minor, name = world.days(), world.minor(), world.number()
    _answer(world, day, name, minor, currency)
    world.expect(
        "payout_not_instructed", name, None, "channel_only", None, minor, day, currency=currency, relation=RELATION
    )


PAYOUT_KINDS: tuple[Callable[[BreakWorld, str], None], ...] = (
    _paid,
    _failed,
    _paid_twice,
    _not_answered,
    _not_instructed,
)
