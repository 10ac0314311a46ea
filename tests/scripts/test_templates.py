"""File templates: the shipped ones on small bills, what a template can say, and what is wrong with a bad one."""

from __future__ import annotations

import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from settle.cli import app
from settle.errors import InputError
from settle.load.catalog import all_templates, columns_of
from settle.load.datasets import DATASETS
from settle.load.template_files import read_template
from settle.settings import Settings
from tests.conftest import CHECKOUT
from tests.scripts.loading import counts, loaded, refused, rows, said, write

WECHAT_HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,"
    "商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_TRAILER = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
ALIPAY_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)


def wechat_row(state: str, number: str, amount: str, refund: str, fee: str, refund_state: str = "") -> str:
    cells = {
        "交易时间": "2026-01-05 10:00:00",
        "商户号": "160",
        "微信订单号": f"WX{number}",
        "商户订单号": f"O{number}",
        "交易类型": "JSAPI",
        "交易状态": state,
        "货币种类": "CNY",
        "应结订单金额": amount,
        "退款成功时间": "2026-01-05 11:00:00" if refund_state else "",
        "微信退款单号": f"WR{number}" if refund_state else "0",
        "商户退款单号": f"R{number}" if refund_state else "0",
        "退款金额": refund,
        "充值券退款金额": "0.00",
        "退款状态": refund_state,
        "手续费": fee,
        "订单金额": amount,
        "申请退款金额": refund,
    }
    return ",".join("`" + cells.get(name, "") for name in WECHAT_HEADER.split(","))


def wechat_bill(totals: str) -> str:
    lines = [
        "\ufeff" + WECHAT_HEADER,
        wechat_row("SUCCESS", "1", "10.00", "0.00", "0.06000"),
        wechat_row("SUCCESS", "2", "5.00", "0.00", "0.03000"),
        wechat_row("REFUND", "3", "0.00", "2.00", "-0.01000", "SUCCESS"),
        WECHAT_TRAILER,
        totals,
    ]
    return write("wechat.csv", *lines, newline="\r\n")


def alipay_row(kind: str, number: str, amount: str, fee: str, request: str = "") -> str:
    cells = {
        "支付宝交易号": f"2026{number}\t",
        "商户订单号": f"O{number}\t",
        "业务类型": f"{kind}\t",
        "商品名称": "书",
        "完成时间": "2026-01-05 10:00:00",
        "对方账户": "**博",
        "订单金额（元）": amount,
        "商家实收（元）": amount,
        "商家优惠（元）": "0.00",
        "退款批次号/请求号": f"{request}\t",
        "服务费（元）": fee,
    }
    return ",".join(cells.get(name, "") for name in ALIPAY_HEADER.split(","))


def alipay_bill(*footer: str, encoding: str = "gbk", end: str = "#-----业务明细列表结束-----") -> str:
    rows_ = [
        alipay_row("交易", "1", "10.00", "-0.06"),
        alipay_row("交易", "2", "5.00", "-0.03"),
        alipay_row("退款", "1", "-2.00", "0.01", "REF1"),
    ]
    head = ["#支付宝业务明细查询", "#账号：[2088]", "#-----业务明细列表-----", ALIPAY_HEADER]
    text = "\r\n".join([*head, *rows_, end, *footer]) + "\r\n"
    Path("alipay.csv").write_bytes(text.encode(encoding))
    return "alipay.csv"


def test_wechat_payments_and_refunds(any_settings: Settings) -> None:
    summary = loaded("payments", wechat_bill("`3,`15.00,`2.00,`0.00,`0.08000,`15.00,`2.00"))
    assert "3 rows read = 3 loaded" in summary and "总交易单数 3, 应结订单总金额 15.00" in summary
    found = rows(
        any_settings,
        "select channel_txn_no, order_no, txn_type, amount, fee, status, account_no, completed_at, _line_no "
        "from raw.payments order by _line_no",
    )
    assert [(*row[:7], row[7].isoformat(), row[8]) for row in found] == [
        ("WX1", "O1", "payment", Decimal("10"), Decimal("0.06"), "success", "160", "2026-01-05T02:00:00", 2),
        ("WX2", "O2", "payment", Decimal("5"), Decimal("0.03"), "success", "160", "2026-01-05T02:00:00", 3),
        ("WR3", "R3", "refund", Decimal("2"), Decimal("0.01"), "success", "160", "2026-01-05T03:00:00", 4),
    ]
    declared = rows(any_settings, "select declared_totals, found_totals from raw.load_files")[0]
    assert json.loads(declared[0])["手续费总金额"] == "0.08000" and json.loads(declared[1])["手续费总金额"] == "0.08"


def test_a_wechat_trailer_that_disagrees_or_is_missing(any_settings: Settings) -> None:
    bill = wechat_bill("`3,`15.00,`2.01,`0.00,`0.08000,`15.00,`2.00")
    assert refused("payments", bill) == (
        'wechat.csv:6: the trailer declares "退款总金额" 2.01, found 2.00.\n'
        "Nothing was loaded. The file is not complete or was changed: fetch it again."
    )
    write("wechat.csv", *Path(bill).read_text().splitlines()[:3])
    assert refused("payments", "wechat.csv") == (
        'wechat.csv: the line that begins with "总交易单数" at its end is missing: the file is cut short. '
        "Nothing was loaded. Fetch it again."
    )
    write(
        "wechat.csv", *Path(bill).read_text().splitlines()[:1], WECHAT_TRAILER, "`0,`0.00,`0.00,`0.00,`0.00,`0.00,`0.00"
    )
    assert "0 rows read" in loaded("payments", "wechat.csv")
    assert counts(any_settings) == (1, 0, 0)


def test_a_wechat_state_nobody_knows(duckdb_settings: Settings) -> None:
    bill = wechat_bill("`3,`15.00,`2.00,`0.00,`0.08000,`15.00,`2.00")
    write(bill, *Path(bill).read_text().replace("`REFUND", "`ABGELEHNT").splitlines())
    assert refused("payments", bill).splitlines()[0] == (
        "wechat.csv:4: column \"交易状态\": 'ABGELEHNT' is none of SUCCESS, REFUND, REVOKED. "
        "A template must say what to do with it."
    )


@pytest.mark.parametrize(
    "footer",
    [
        ["#交易合计：3笔，商家实收共13.00元，商家优惠共0.00元"],
        [
            "#交易合计：2笔，商家实收共15.00元，商家优惠共0.00元",
            "#退款合计：1笔，商家实收退款共-2.00元，商家优惠退款共0.00元",
            "#导出时间：[2026年01月06日 09:00:00]",
        ],
    ],
    ids=["all together", "refunds apart"],
)
@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_alipay_payments_and_refunds(duckdb_settings: Settings, footer: list[str], encoding: str) -> None:
    assert "3 rows read = 3 loaded" in loaded("payments", alipay_bill(*footer, encoding=encoding))
    found = rows(
        duckdb_settings,
        "select channel_txn_no, order_no, txn_type, amount, fee, account_no, _line_no from raw.payments order by 7",
    )
    assert found == [
        ("20261", "O1", "payment", Decimal("10"), Decimal("0.06"), "**博", 5),
        ("20262", "O2", "payment", Decimal("5"), Decimal("0.03"), "**博", 6),
        ("20261-REF1", "REF1", "refund", Decimal("2"), Decimal("0.01"), "**博", 7),
    ]


def test_alipay_totals_and_end_mark(any_settings: Settings) -> None:
    told = refused("payments", alipay_bill("#交易合计：4笔，商家实收共13.00元，商家优惠共0.00元"))
    assert told.splitlines()[0] == 'alipay.csv:9: the trailer declares "笔数" 4, found 3.'
    assert refused("payments", alipay_bill()) == (
        "alipay.csv: the line of totals at its end is missing: the file is cut short. "
        "Nothing was loaded. Fetch it again."
    )
    told = refused("payments", alipay_bill(end="#"))
    assert told.startswith('alipay.csv: the line with "业务明细列表结束" at its end is missing')
    assert counts(any_settings) == (0, 0, 0)


def test_an_alipay_day_without_business(any_settings: Settings) -> None:
    lines = ["#支付宝业务明细查询", "支付宝交易号,商户订单号,业务类型,商品名称", "#-----业务明细列表结束-----"]
    Path("empty.csv").write_bytes("\n".join(lines).encode("gbk"))
    assert "0 rows read = 0 loaded" in loaded("payments", "empty.csv")
    lines.insert(2, "1,2,交易,书")
    Path("short.csv").write_bytes("\n".join(lines).encode("gbk"))
    assert 'short.csv:2: column "退款批次号/请求号" is missing' in refused("payments", "short.csv")


class GbkName(zipfile.ZipInfo):
    """A name as old Chinese programs write it: in GBK, without saying so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits


def test_an_alipay_zip_with_its_summary_and_names_in_gbk(duckdb_settings: Settings) -> None:
    bill = alipay_bill("#交易合计：3笔，商家实收共13.00元，商家优惠共0.00元")
    with zipfile.ZipFile("alipay.zip", "w") as archive:
        for name, data in (("业务明细.csv", Path(bill).read_bytes()), ("业务明细(汇总).csv", b"#x\r\n")):
            archive.writestr(GbkName(name), data)
    Path(bill).unlink()
    assert "3 rows read = 3 loaded" in loaded("payments", "alipay.zip")


OWN = """
template: own
dataset: payments
formats: [csv]
encodings: [cp1252]
delimiter: ";"
skip_lines: 1
comment_prefix: "//"
null_values: ["-"]
time_zone: Europe/Berlin
fields:
  channel_code: {constant: BANK}
  channel_txn_no: {columns: [Konto, Nr], join: "/"}
  order_no: {column: [Verwendung, Zweck]}
  txn_type: {column: Art, values: {Gutschrift: payment, Lastschrift: refund}}
  amount: {column: Betrag, thousands: ".", decimal: ",", sign: positive}
  fee: {column: Gebühr, unit: minor}
  currency: {column: Währung, default: EUR}
  status: {constant: success}
  completed_at: {column: Datum, time_formats: ["%d.%m.%Y %H:%M"]}
ignored_columns: ["*"]
"""
OWN_HEADER = "Konto;Nr;Zweck;Art;Betrag;Gebühr;Währung;Datum;Saldo"


@pytest.fixture
def own(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A user's folder with one template."""
    Path("own").mkdir()
    Path("own/own.yml").write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("SETTLE_TEMPLATES", "own")
    return any_settings


def own_file(*lines: str) -> str:
    text = "\n".join(["Bericht vom 5. Januar", "// Umsätze", OWN_HEADER, *lines]) + "\n"
    Path("bank.csv").write_bytes(text.encode("cp1252"))
    return "bank.csv"


def test_everything_a_template_can_say(own: Settings) -> None:
    good = [
        "1;7;O1;Gutschrift;1.234,50;12;;05.07.2026 10:00;x",
        "// more",
        "1;8;-;Lastschrift;7,00;;JPY;05.01.2026 10:00;",
    ]
    loaded("payments", own_file(*good))
    found = rows(
        own,
        "select channel_txn_no, order_no, txn_type, amount, fee, currency, completed_at, _line_no from raw.payments "
        "order by _line_no",
    )
    assert [(*row[:6], row[6].isoformat(), row[7]) for row in found] == [
        ("1/7", "O1", "payment", Decimal("1234.5"), Decimal("0.12"), "EUR", "2026-07-05T08:00:00", 4),
        ("1/8", None, "refund", Decimal("7"), None, "JPY", "2026-01-05T09:00:00", 6),
    ]
    body = rows(own, "select template, body, template_hash from raw.templates")
    assert body[0][:2] == ("own", OWN)
    assert rows(own, "select template_hash from raw.load_files") == [(body[0][2],)]


def test_what_the_template_does_not_say_is_a_fault(own: Settings) -> None:
    told = refused(
        "payments",
        own_file(
            "1;1;O1;Gutschrift;12,34,50;;;05.07.2026 10:00;",
            "1;2;O1;Gutschrift;1234.50;;;05.07.2026 10:00;",
            "1;3;O1;Gutschrift;-5,00;;;05.07.2026 10:00;",
            "1;4;O1;Storno;5,00;;;05.07.2026 10:00;",
            "1;5;O1;Gutschrift;5,00;1.5;;05.07.2026 10:00;",
            "1;6;O1;Gutschrift;5,00;;;2026-07-05 10:00;",
            "1;;O1;Gutschrift;5,00;;;05.07.2026 10:00;",
        ),
    ).splitlines()
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in told[:-1]] == [
        'bank.csv:4: column "Betrag"',
        'bank.csv:5: column "Betrag"',
        'bank.csv:6: column "Betrag"',
        'bank.csv:7: column "Art"',
        'bank.csv:8: column "Gebühr"',
        'bank.csv:9: column "Datum"',
        'bank.csv:10: column "Konto and Nr"',
    ]
    assert "'-5,00' is negative." in told[2]
    assert "'Storno' is none of Gutschrift, Lastschrift. A template must say what to do with it." in told[3]
    assert "'1.5' is not in whole minor units." in told[4]
    assert "'2026-07-05 10:00' is no time of the form %d.%m.%Y %H:%M." in told[5]
    assert told[-1].endswith("settle load payments bank.csv --template own --reject-bad")


def test_the_template_may_be_named_and_must_fit(own: Settings) -> None:
    write("bank.csv", "a,b", "1,2")
    assert refused("payments", "bank.csv", "--template", "wechat_trade_bill").startswith(
        'bank.csv:1: column "交易状态" is missing'
    )
    assert refused("payments", "bank.csv", "--template", "gone") == (
        "there is no template 'gone' for payments. "
        "There are: canonical, adyen_settlement_details, alipay_business_detail, own, paypal_settlement, "
        "stripe_balance_transactions, stripe_itemised, unionpay_settlement, wechat_trade_bill."
    )
    write("orders.parquet", "x")
    assert refused("payments", "orders.parquet", "--template", "own") == (
        "orders.parquet: template own reads csv, not parquet."
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "dataset: payments",
            "dataset: bills",
            "dataset: 'bills' is none of orders, order_lines, payments, bank_returns",
        ),
        ("formats: [csv]", "formats: [mt941]", "formats: 'mt941' is none of csv, xlsx, parquet, ndjson, fixed, camt"),
        ("formats: [csv]", "formats: [csv, mt940]", "formats: fixed, camt053, mt940, bai2, paypal stand alone"),
        ("formats: [csv]", "formats: [fixed]", "columns: a fixed format lists its columns"),
        (
            "fields:",
            "columns: [{name: a, start: 0, width: 1}]\nfields:",
            "columns.start: must be a whole number",
        ),
        ("fields:", "summary: {beside: x}\nfields:", "summary: file_name and beside belong together"),
        ("formats: [csv]\n", "", "formats: is missing"),
        ("skip_lines: 1", "skip_line: 1", "template: unknown key 'skip_line'; known are"),
        ('delimiter: ";"', 'delimiter: ";;"', "delimiter: must be one character, found ';;'"),
        ("[cp1252]", "[klingon]", "encodings: 'klingon' is no encoding that Python knows"),
        ("Europe/Berlin", "Europe/Bonn", "time_zone: 'Europe/Bonn' is no time zone"),
        (
            "{constant: BANK}",
            "{constant: BANK, column: x}",
            "fields.channel_code: needs exactly one of column, columns",
        ),
        (
            "{constant: BANK}",
            "{constant: 1.5}",
            "fields.channel_code.constant: must be text, found 1.5 (put it in quotes)",
        ),
        ('decimal: ","', 'decimal: "."', "fields.amount: thousands and decimal are both '.'"),
        ("sign: positive", "sign: plus", "fields.amount.sign: 'plus' is none of as_is, positive, negative"),
        ('join: "/"', 'default: "/"', "fields.channel_txn_no: columns and join belong together"),
        ("  status: {constant: success}\n", "", "fields.status: is missing; payments need it"),
        ("  status:", "  state:", "fields: unknown key 'state'; known are account_no, amount, channel_code"),
        ("fields:", "key: [order_no]\nfields:", "key: rows of payments are known by channel_code, channel_txn_no"),
        ("template: own", "template: [own", "is not readable as YAML"),
    ],
)
def test_a_bad_template_names_file_key_and_value(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_template(path)
    assert str(caught.value).startswith(f"{path}: {told}")
    assert caught.value.exit_code == 2


def template(*words: str) -> Result:
    return CliRunner().invoke(app, ["template", *words])


def test_template_list_show_and_download(duckdb_settings: Settings) -> None:
    listed = json.loads(template("list", "--json").stdout)
    assert [(each["dataset"], each["template"]) for each in listed[:6]] == [
        ("bank_deposits", "canonical"), ("bank_returns", "canonical"), ("order_lines", "canonical"),
        ("orders", "canonical"), ("payments", "canonical"), ("spv_reports", "canonical"),
    ]  # fmt: skip
    assert {each["template"] for each in listed[6:]} == {
        "adyen_settlement_details", "alipay_business_detail", "bai2", "camt053", "mt940", "paypal_settlement",
        "stripe_balance_transactions", "stripe_itemised", "unionpay_settlement", "wechat_trade_bill",
    }  # fmt: skip
    assert "wechat_trade_bill" in template("list").stdout
    shown = template("show", "wechat_trade_bill").stdout
    assert shown.rstrip("\n") == (CHECKOUT / "seeds/templates/wechat_trade_bill.yml").read_text().rstrip("\n")
    ambiguous = template("show", "canonical")
    assert ambiguous.exit_code == 2
    assert said(ambiguous) == (
        "template 'canonical' is there for bank_deposits, bank_returns, order_lines, orders, payments, "
        "spv_reports. Say which with --dataset."
    )
    for path in ("blank.xlsx", "blank.csv"):
        assert template("download", "orders", path).exit_code == 0
        assert "0 rows read = 0 loaded" in loaded("orders", path)
    with zipfile.ZipFile("blank.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "pending,success,failed,closed" in sheet and sheet.count("<dataValidation ") == 2
    assert said(template("download", "orders", "blank.csv")) == "blank.csv: is already there. Name another file."


@pytest.mark.parametrize("name", DATASETS)
def test_the_canonical_templates_have_exactly_the_columns_of_the_dataset(duckdb_settings: Settings, name: str) -> None:
    canonical = next(each for each in all_templates(duckdb_settings, name) if each.name == "canonical")
    assert tuple(columns_of(canonical)) == DATASETS[name].column_names
    assert set(canonical.missing_columns(frozenset())) == set(DATASETS[name].required)


def test_a_users_template_hides_a_shipped_one_of_the_same_name(own: Settings) -> None:
    Path("own/mine.yml").write_text(OWN.replace("template: own", "template: wechat_trade_bill"), encoding="utf-8")
    assert "constant: BANK" in template("show", "wechat_trade_bill").stdout
    Path("own/twice.yml").write_text(OWN, encoding="utf-8")
    told = said(template("list"))
    first = Path("own/own.yml").absolute()
    assert told.endswith(f"own/twice.yml: template 'own' is already in {first}. Rename one of them.")
