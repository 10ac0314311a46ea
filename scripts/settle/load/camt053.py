"""Bank statements in ISO 20022 XML (camt.053, every version): one row for each booked entry."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from xml.sax.handler import ContentHandler, feature_namespaces
from xml.sax.xmlreader import Locator

from settle.load.sink import Entry, Sink, write_entries
from settle.load.source import Member

SIDES = {"CRDT": "credit", "DBIT": "debit"}
PLAIN = re.compile(r"\d{1,18}(\.\d{1,17})?|\.\d{1,17}")
DAY = re.compile(r"(\d{4}-\d{2}-\d{2})")
OPENING = ("OPBD", "PRCD")
CLOSING = ("CLBD",)


@dataclass
class Node:
    """An element: its name without namespace, the line it begins in, its attributes, text and children."""

    name: str
    line: int
    attributes: dict[str, str]
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, path: str) -> list[Node]:
        """The elements at a path such as `NtryDtls/TxDtls`."""
        found = [self]
        for name in path.split("/"):
            found = [child for node in found for child in node.children if child.name == name]
        return found

    def first(self, *paths: str) -> Node | None:
        """The first element at the first of the paths that has one."""
        return next((node for path in paths for node in self.all(path)), None)

    def value(self, *paths: str) -> str:
        """Its text, without blanks around; empty if there is none."""
        return next((node.text.strip() for path in paths for node in self.all(path) if node.text.strip()), "")


class _Builder(ContentHandler):
    """Keeps the elements with their lines."""

    def __init__(self) -> None:
        super().__init__()
        self.root: Node | None = None
        self.open: list[Node] = []
        self.where: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:
        self.where = locator

    def startElementNS(self, name: tuple[str | None, str], qname: str | None, attrs: Any) -> None:
        line = self.where.getLineNumber() if self.where else 0
        node = Node(name[1], line or 0, {key[1]: str(value) for key, value in attrs.items()})
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:
        self.open.pop()

    def characters(self, content: str) -> None:
        self.open[-1].text += content


def read_camt053(sink: Sink, member: Member) -> int:
    """Read the statements of a file; the number of its lines. Raises InputError when it is no such file."""
    root = _parse(sink, member)
    statements = root.all("BkToCstmrStmt/Stmt")
    if not statements:
        raise sink.refusal(root.line, "has no statement (Stmt): it is no camt.053 file, or not complete")
    entries: list[Entry] = []
    for statement in statements:
        _read_statement(sink, statement, entries)
    lines = [entry.line for entry in entries]
    if len(set(lines)) < len(lines):
        # A file without line breaks: its entries are counted instead, so that each can be named and set aside.
        for number, entry in enumerate(entries, 1):
            entry.line = number
    write_entries(sink, entries)
    with member.path.open("rb") as stream:
        return max(sum(1 for _ in stream), len(entries))


def _parse(sink: Sink, member: Member) -> Node:
    from xml.sax import SAXException, SAXParseException

    from defusedxml import DefusedXmlException
    from defusedxml.sax import make_parser

    parser = make_parser()
    parser.forbid_dtd = True
    parser.setFeature(feature_namespaces, True)
    builder = _Builder()
    parser.setContentHandler(builder)
    try:
        with member.path.open("rb") as stream:
            parser.parse(stream)
    except DefusedXmlException as error:
        what = "declares entities or a document type, which a bank statement has no need of and which is not read"
        raise sink.refusal(1, what, "Ask the bank for a plain file.") from error
    except SAXParseException as error:
        raise sink.refusal(error.getLineNumber() or 0, f"is no well-formed XML ({error.getMessage()})") from error
    except (SAXException, ValueError, LookupError) as error:
        raise sink.refusal(1, f"is no readable XML ({error})") from error
    assert builder.root is not None
    return builder.root


def _read_statement(sink: Sink, statement: Node, entries: list[Entry]) -> None:
    account = statement.value("Acct/Id/IBAN", "Acct/Id/Othr/Id")
    identity = statement.value("Id") or statement.value("ElctrncSeqNb")
    if not account:
        raise sink.refusal(statement.line, "the statement has no account (Acct/Id)")
    balances = [(node.value("Tp/CdOrPrtry/Cd"), node) for node in statement.all("Bal")]
    opening = next((node for code in OPENING for kind, node in balances if kind == code), None)
    closing = next((node for kind, node in reversed(balances) if kind in CLOSING), None)
    mine: list[Entry] = []
    moved = Decimal(0)
    for number, node in enumerate(statement.all("Ntry"), 1):
        amount, currency, direction = _amount(node)
        if PLAIN.fullmatch(amount) and direction and _status(node) == "BOOK":
            moved += Decimal(amount) if direction == "credit" else -Decimal(amount)
        entry = _entry(sink, node, number, account, identity)
        if entry is None:
            continue
        known = _amount(opening)[1] if opening else statement.value("Acct/Ccy")
        if known and currency != known:
            told = f"is not the account's currency, {known}. Ask the bank for a correct file."
            sink.fault(node.line, "other_currency", told, "currency", currency)
            continue
        mine.append(entry)
    if closing is not None and mine:
        mine[-1].values["balance"] = _signed(closing)
    entries += mine
    if opening is not None and closing is not None:
        name = f"closing balance of {account} in {identity}"
        sink.declares(closing.line, name, _signed(closing), _sum(sink, opening, _signed(opening), moved))
    _check_summary(sink, statement, identity)


def _sum(sink: Sink, node: Node, text: str, moved: Decimal) -> Decimal:
    if not PLAIN.fullmatch(text.removeprefix("-")):
        raise sink.refusal(node.line, f"the balance {text!r} is no amount")
    return Decimal(text) + moved


def _check_summary(sink: Sink, statement: Node, identity: str) -> None:
    booked = [node for node in statement.all("Ntry") if _status(node) == "BOOK" and PLAIN.fullmatch(_amount(node)[0])]
    for path, side in (("TtlNtries", ""), ("TtlCdtNtries", "credit"), ("TtlDbtNtries", "debit")):
        summary = statement.first(f"TxsSummry/{path}")
        if summary is None:
            continue
        nodes = [node for node in booked if side in ("", _amount(node)[2])]
        total = sum((Decimal(_amount(node)[0]) for node in nodes), Decimal(0))
        for name, found in (("NbOfNtries", Decimal(len(nodes))), ("Sum", total)):
            if summary.value(name):
                sink.declares(summary.line, f"{path}/{name} of {identity}", summary.value(name), found)


def _amount(node: Node | None) -> tuple[str, str, str]:
    """(text of the amount, currency, direction) of an entry or a balance."""
    amount = node.first("Amt") if node else None
    if node is None or amount is None:
        return "", "", ""
    return amount.text.strip(), amount.attributes.get("Ccy", ""), SIDES.get(node.value("CdtDbtInd"), "")


def _signed(node: Node) -> str:
    amount, _, direction = _amount(node)
    return f"-{amount}" if direction == "debit" else amount


def _status(node: Node) -> str:
    return node.value("Sts/Cd", "Sts")


def _entry(sink: Sink, node: Node, number: int, account: str, identity: str) -> Entry | None:
    """The entry, or nothing after taking note that it is not booked or has no day."""
    status = _status(node)
    if status != "BOOK":
        told = "is not booked (BOOK): it moves no balance. Set the entry aside; it comes again when it is booked."
        sink.fault(node.line, "not_booked", told, "status", status)
        return None
    amount, currency, direction = _amount(node)
    day = DAY.match(node.value("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"))
    details = node.all("NtryDtls/TxDtls")
    batch = node.value("NtryDtls/Btch/PmtInfId", "NtryDtls/Btch/MsgId")
    if not batch and len(details) == 1:
        batch = details[0].value("Refs/PmtInfId", "Refs/EndToEndId").replace("NOTPROVIDED", "")
    words = [part.text.strip() for part in node.all("NtryDtls/TxDtls/RmtInf/Ustrd")]
    words += [part.text.strip() for part in node.all("NtryDtls/TxDtls/RmtInf/Strd/CdtrRefInf/Ref")]
    words += [part.text.strip() for part in node.all("AddtlNtryInf")]
    own = node.value("AcctSvcrRef") or (details[0].value("Refs/AcctSvcrRef") if len(details) == 1 else "")
    values = {
        "account": account,
        "booked on": day.group(1) if day else "",
        "direction": direction,
        "amount": amount,
        "currency": currency,
        "batch": batch,
        "narrative": " ".join(" ".join(words).split()),
    }
    return Entry(node.line, identity, number, own, node.value("RvslInd") in ("true", "1"), values)
