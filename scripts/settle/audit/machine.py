"""The state machine: what may be done to an object as its journal stands, and by whom. Nothing is written here."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from settle.audit.chain import JournalRow
from settle.errors import ColumnError, DecisionNeededError, InputError
from settle.settings import Settings

CREATE, APPROVE, REJECT = "CREATE", "APPROVE", "REJECT"
ACTIONS = (CREATE, APPROVE, REJECT)
REJECTED = -1
TRANSITION_COLUMNS = ("object_kind", "from_state", "from_name", "action", "to_state", "to_name", "actor_role")
ROLE_COLUMNS = ("actor", "role")


@dataclass(frozen=True)
class Transition:
    """One step of a kind: who has the role takes it. A CREATE comes from no state."""

    object_kind: str
    from_state: int | None
    from_name: str
    action: str
    to_state: int
    to_name: str
    actor_role: str


@dataclass(frozen=True)
class Rules:
    """What the configuration says: the steps, and the roles of each person."""

    transitions: tuple[Transition, ...]
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def steps(self, kind: str, state: int | None) -> list[Transition]:
        """The steps from a state; from none where the object is not under audit."""
        return [step for step in self.transitions if (step.object_kind, step.from_state) == (kind, state)]

    def beginning(self, kind: str) -> Transition:
        """The CREATE of a kind; where the table has none, anybody with a role begins where no step leads to."""
        for step in self.steps(kind, None):
            return step
        mine = [step for step in self.transitions if step.object_kind == kind]
        reached = {step.to_state for step in mine}
        start = min(
            (step for step in mine if step.from_state not in reached),
            key=lambda step: step.from_state or 0,
            default=mine[0],
        )
        return Transition(kind, None, "", CREATE, start.from_state or 0, start.from_name, "")


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for. `seen` is the state they saw, by name or number; empty if they do not say."""

    object_kind: str
    object_id: str
    action: str
    by: str
    comment: str = ""
    seen: str = ""


def read_rules(settings: Settings) -> Rules:
    """The steps and roles of the configuration folder, else the shipped ones. Raises InputError with file and line."""
    file = _config_file(settings, "audit_transitions.csv")
    transitions = []
    for line, row in _rows(file, TRANSITION_COLUMNS):
        states = {}
        for column in ("from_state", "to_state"):
            text = row[column]
            if not text.lstrip("-").isdigit() and not (column == "from_state" and row["action"] == CREATE and not text):
                raise InputError(
                    f'{file}:{line}: column "{column}": {text!r} is no state. Write a whole number; only a {CREATE} '
                    "comes from none."
                )
            states[column] = int(text) if text else None
        if row["action"] not in ACTIONS:
            raise InputError(
                f'{file}:{line}: column "action": {row["action"]!r} is no action. Use one of {", ".join(ACTIONS)}.'
            )
        if not row["actor_role"]:
            raise InputError(f'{file}:{line}: column "actor_role": is empty. Name the role of audit_roles.csv.')
        transitions.append(
            Transition(
                row["object_kind"], states["from_state"], row["from_name"], row["action"], states["to_state"] or 0,
                row["to_name"], row["actor_role"],
            )
        )  # fmt: skip
    roles: dict[str, set[str]] = {}
    for _, row in _rows(_config_file(settings, "audit_roles.csv"), ROLE_COLUMNS):
        roles.setdefault(row["actor"], set()).add(row["role"])
    return Rules(tuple(transitions), {actor: frozenset(names) for actor, names in roles.items()})


def _config_file(settings: Settings, name: str) -> Path:
    own = settings.config_dir / name
    return own if own.is_file() else settings.project_dir / "seeds" / "packages" / "defaults" / "seeds" / name


def _rows(file: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in columns if name not in (reader.fieldnames or [])]
        if missing:
            raise InputError(f"{file}:1: the header lacks {', '.join(missing)}. It needs {', '.join(columns)}.")
        return [
            (reader.line_num, {name: (row[name] or "").strip() for name in columns})
            for row in reader
            if any(row[name] for name in columns)
        ]


def decided(
    wanted: Wanted, journal: Sequence[JournalRow], content: str | None, rules: Rules, now: datetime
) -> JournalRow:
    """The row of the journal that the wanted decision becomes, not linked yet.

    `journal` are the object's own rows, oldest first; `content` is the hash of what the object holds now, None where
    there is no such object. Raises ColumnError with the reason why it cannot be taken.
    """
    kinds = sorted({step.object_kind for step in rules.transitions})
    if wanted.object_kind not in kinds:
        raise ColumnError(InputError(f"is no kind of object. Use one of {', '.join(kinds)}."), "object_kind")
    if wanted.action not in ACTIONS:
        raise ColumnError(InputError(f"is no action. Use one of {', '.join(ACTIONS)}."), "action")
    if not wanted.by.strip():
        raise ColumnError(InputError("is missing. Say who decides: --by NAME, or SETTLE_ACTOR"), "by")
    if wanted.by not in rules.roles:
        raise ColumnError(InputError("has no role in audit_roles.csv. Add the person there, or mend the name."), "by")
    if wanted.action == REJECT and not wanted.comment.strip():
        raise ColumnError(InputError("is missing. Say why it is rejected: --comment TEXT"), "comment")
    last = journal[-1] if journal else None
    _refuse_stale(wanted, last)
    step = _step(wanted, last, content, rules)
    if wanted.action == APPROVE:
        _refuse_same_eyes(wanted, this_round(journal))
        _refuse_changed(journal, content)
    role = step.actor_role or min(rules.roles[wanted.by])
    if role not in rules.roles[wanted.by]:
        others = sorted(actor for actor, names in rules.roles.items() if step.actor_role in names)
        raise ColumnError(
            DecisionNeededError(
                f"is no {step.actor_role}, who takes {wanted.object_kind} from {step.from_name or 'nothing'} to "
                f"{step.to_name}. Ask {' or '.join(others) or f'for a {step.actor_role} in audit_roles.csv'}."
            ),
            "by",
        )
    return JournalRow(
        seq=0,
        object_kind=wanted.object_kind,
        object_id=wanted.object_id,
        from_state=last.to_state if last else None,
        from_name=last.to_name if last else None,
        action=wanted.action,
        to_state=step.to_state,
        to_name=step.to_name,
        actor=wanted.by,
        role=role,
        comment=wanted.comment.strip(),
        decided_at=now,
        # What is frozen stays frozen until the next round: a rejection does not take over what has changed since.
        content_hash=content or "" if wanted.action == CREATE else this_round(journal)[0].content_hash,
    )


def this_round(journal: Sequence[JournalRow]) -> list[JournalRow]:
    """The object's rows since it was last put under audit."""
    starts = [place for place, row in enumerate(journal) if row.action == CREATE]
    return list(journal[starts[-1] :]) if starts else []


def _refuse_stale(wanted: Wanted, last: JournalRow | None) -> None:
    """AUDIT-STALE: who decides about a state that is no longer so has not seen what they decide about."""
    if wanted.seen and (last is None or wanted.seen not in (last.to_name, str(last.to_state))):
        now = f"{last.to_name} ({last.to_state}) since {last.actor} decided" if last else "not under audit"
        raise ColumnError(
            DecisionNeededError(f"is no longer the state: it is {now}. Look at it again, then decide."), "seen"
        )


def _step(wanted: Wanted, last: JournalRow | None, content: str | None, rules: Rules) -> Transition:
    """AUDIT-STATES: the step from where the object is; a rejected one may start again once it is another."""
    kind = wanted.object_kind
    if wanted.action == CREATE:
        if last is not None and last.to_state != REJECTED:
            raise ColumnError(InputError(f"is under audit already: {last.to_name}. See: {_look(wanted)}"), "object_id")
        if content is None:
            raise ColumnError(InputError(f"is no {kind} that is built. See: settle status"), "object_id")
        if last is not None and content == last.content_hash:
            raise ColumnError(
                InputError("was rejected and has not changed since. Have it corrected first, then create it again."),
                "object_id",
            )
        return rules.beginning(kind)
    if last is None:
        raise ColumnError(
            InputError(f"is not under audit. Begin with: settle audit create {kind} {wanted.object_id}"), "object_id"
        )
    steps = rules.steps(kind, last.to_state)
    found = [step for step in steps if step.action == wanted.action]
    if not found:
        fits = ", ".join(dict.fromkeys(step.action for step in steps))
        what = f"takes only {fits}" if fits else "is final and takes no action"
        raise ColumnError(InputError(f"is {last.to_name}, which {what}. See: {_look(wanted)}"), "object_id")
    return found[0]


def _refuse_changed(journal: Sequence[JournalRow], content: str | None) -> None:
    """AUDIT-FREEZE: what was checked must be what is approved."""
    created = this_round(journal)[0]
    if content != created.content_hash:
        raise ColumnError(
            DecisionNeededError(
                f"has changed since {created.actor} put it under audit: what was checked is not what would be "
                "approved. Look at it; then reject it, and put it under audit again."
            ),
            "object_id",
        )


def _refuse_same_eyes(wanted: Wanted, journal: Sequence[JournalRow]) -> None:
    """AUDIT-EYES: what one person alone brings through is money that nobody else has looked at."""
    for row in journal:
        if row.actor == wanted.by and row.action in (CREATE, APPROVE):
            how = "put it under audit" if row.action == CREATE else f"approved it already ({row.to_name})"
            raise ColumnError(DecisionNeededError(f"{how}, so somebody else must approve {wanted.object_id}."), "by")


def _look(wanted: Wanted) -> str:
    return f"settle audit journal {wanted.object_kind} {wanted.object_id}"
