"""Accounts as a file describes them, and what an operator is told of each mistake."""

import re
from pathlib import Path

import pytest

from gateway.accounts.account import Accounts
from gateway.accounts.loader import AccountProblem, AccountsError, load_accounts
from gateway.config.settings import Settings
from tests.support.accounts import (
    CLINIC,
    DEFAULTS,
    HOTEL,
    SHOP,
    TestAccount,
    accounts_text,
    read,
    variables,
)

CASE = re.compile(r"^# (.+)\n((?:(?!=> ).*\n)+?)((?:=> .+\n)+)", flags=re.MULTILINE)
WRITTEN = Path(__file__).with_name("mistakes.txt").read_text()
MISTAKES = CASE.findall(WRITTEN)
ENV = {
    "SECRET": "s", "SECRET_2": "s2", "SECRET_3": "s3", "VERIFY": "v", "TOKEN": "t", "EMPTY": " ",
    "SPACED": "a b",
}  # fmt: skip
HEAD = "version: 1\naccounts:\n"
NUMBER = 'wabas: [{id: "601", numbers: [{id: "1001"}]}]'
ONE = f"""\
- name: shop
  app: "501"
  secrets: {{env: SECRET}}
  verify_token: {{env: VERIFY}}
  token: {{env: TOKEN}}
  {NUMBER}
"""


def told(problem: AccountProblem) -> str:
    return f"{problem.mark.line}:{problem.mark.column}: {problem.rule!r}: {problem.message}"


def two(folder: Path) -> Accounts:
    return read(accounts_text([SHOP, CLINIC]), folder, variables([SHOP, CLINIC]))


@pytest.mark.parametrize(
    ("written", "messages"),
    [pytest.param(written, messages, id=name) for name, written, messages in MISTAKES],
)
def test_mistake_is_told(written: str, messages: str, tmp_path: Path) -> None:
    with pytest.raises(AccountsError) as refused:
        read(HEAD + written, tmp_path, ENV)

    assert "".join(f"=> {told(one)}\n" for one in refused.value.problems) == messages


def test_all_mistakes_are_tried() -> None:
    assert len(MISTAKES) == WRITTEN.count("\n# ")


def test_no_mistake_quotes_a_value(tmp_path: Path) -> None:
    values = {"SECRET": "hush1 ", "VERIFY": "hush\u201d2", "TOKEN": "hush3 hush"}
    with pytest.raises(AccountsError) as refused:
        read(HEAD + ONE, tmp_path, values)

    assert "hush" not in str(refused.value)
    assert len(refused.value.problems) == 2


def test_problem_names_the_file_the_place_and_the_account(tmp_path: Path) -> None:
    with pytest.raises(AccountsError) as refused:
        read(HEAD + ONE.replace("TOKEN", "NONE"), tmp_path, ENV)

    assert str(refused.value) == (
        f"{tmp_path}/accounts.yaml:7:10: account 'shop': token: the environment has no NONE"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; it should begin with `version: 1`"),
        ("hello", "a file of accounts begins with `version: 1`"),
        ("version: 1\naccounts: []\n", "an empty list"),
    ],
)
def test_file_that_holds_no_accounts_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AccountsError, match=re.escape(message)):
        read(text, tmp_path, ENV)


def test_file_that_is_not_there_is_one_mistake(tmp_path: Path) -> None:
    env = {
        "REDIS_URL": "redis://store:6379/0",
        "GATEWAY_ACCOUNTS": str(tmp_path / "gone.yaml"),
        "GATEWAY_INSTALLATION": "fleet",
    }
    with pytest.raises(AccountsError, match=r"gone\.yaml: cannot be read: No such file"):
        load_accounts(Settings.from_env(env))


def test_number_leads_to_its_account(tmp_path: Path) -> None:
    accounts = two(tmp_path)

    assert [accounts.name_of(number) for number in ("1002", "2001", "9")] == ["shop", "clinic", ""]
    assert accounts.owner_of("9") is None
    assert accounts.owner_of("") is None


def test_whatsapp_account_leads_to_its_account(tmp_path: Path) -> None:
    owner = two(tmp_path).owner_of_waba("5020")

    assert owner
    assert owner.name == "clinic"


def test_the_nearest_token_counts(tmp_path: Path) -> None:
    text = HEAD + ONE.replace(
        NUMBER,
        "wabas:\n"
        "  - {id: '601', token: {env: O6}, numbers: [{id: '1'}, {id: '2', token: {env: O2}}]}\n"
        "  - {id: '602', numbers: [{id: '3'}]}",
    )
    accounts = read(text, tmp_path, ENV | {"O6": "waba", "O2": "two"})

    tokens = {one.id: one.credentials.token for account in accounts for one in account.numbers}
    assert tokens == {"1": "waba", "2": "two", "3": "t"}


def test_the_nearest_pace_counts(tmp_path: Path) -> None:
    account = TestAccount("shop", ["1"], "501", more="pace: 20\nrules: shop/")
    text = accounts_text([account]) + "          - {id: '2', pace: 250}\n"

    accounts = read(text, tmp_path, account.variables)

    assert [one.pace for account in accounts for one in account.numbers] == [20, 250]


def test_accounts_with_rules_of_their_own_have_time_zones_of_their_own(tmp_path: Path) -> None:
    shop = TestAccount("shop", ["1"], "501", more="rules: shop/\ntime_zone: Europe/Berlin")
    accounts = read(accounts_text([shop, CLINIC]), tmp_path, variables([shop, CLINIC]))

    zones = [accounts.zone_of(path) for path in (tmp_path / "shop", DEFAULTS.rules, Path("x"))]
    assert zones == ["Europe/Berlin", "", ""]


def test_country_belongs_to_the_numbers_of_its_account(tmp_path: Path) -> None:
    norway = TestAccount("shop", ["1"], "501", more="country: NO")  # no boolean here
    accounts = read(accounts_text([norway, CLINIC]), tmp_path, variables([norway, CLINIC]))

    assert [accounts.country_of(number) for number in ("1", "2001", "9", "")] == ["NO", "", "", ""]


def test_accounts_of_one_portfolio_share_metas_limit_and_others_have_their_own(
    tmp_path: Path,
) -> None:
    shop = TestAccount("shop", ["1001", "1002"], "501", more='portfolio: "77"')
    clinic = TestAccount("clinic", ["2001"], "502", more='portfolio: "77"')
    all_three = [shop, clinic, HOTEL]
    accounts = read(accounts_text(all_three), tmp_path, variables(all_three))

    assert accounts.limit_sharers("2001", ["1001", "3001"]) == ["1001", "1002", "2001"]
    assert accounts.limit_sharers("3001", ["1001"]) == ["3001"]
    assert two(tmp_path).limit_sharers("1001", []) == ["1001", "1002"]
    assert accounts.limit_sharers("9", []) == ["9"]


def test_values_come_from_files_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("newest\nolder\n")
    text = HEAD + ONE.replace("{env: SECRET}", "[{file: secrets}, {env: SECRET}]")

    (account,) = read(text, tmp_path, ENV)

    assert account.secret_values == (b"newest", b"older", b"s")


def test_rules_are_found_from_the_folder_of_the_file(tmp_path: Path) -> None:
    account = TestAccount("shop", ["1"], "501", more="rules: shop/")

    (read_account,) = read(accounts_text([account]), tmp_path, account.variables)

    assert read_account.rules == tmp_path / "shop"


def test_accounts_show_no_secret(tmp_path: Path) -> None:
    shown = repr(list(two(tmp_path)))

    assert not any(value in shown for value in variables([SHOP, CLINIC]).values())


def test_secret_has_an_id_that_stays_and_does_not_reveal_it(tmp_path: Path) -> None:
    one, other = (account.secrets[0] for account in two(tmp_path))

    assert re.fullmatch("s[0-9a-f]{8}", one.id)
    assert one.id != other.id


def test_variables_describe_one_account_that_has_every_number() -> None:
    settings = Settings.from_env(
        {
            "REDIS_URL": "redis://store:6379/0",
            "META_APP_SECRET": "new,old",
            "META_VERIFY_TOKEN": "verify",
            "META_ACCESS_TOKEN": "EAA",
            "META_PHONE_NUMBER_ID": "1001",
            "META_MESSAGES_PER_SECOND": "20",
        }
    )

    accounts = load_accounts(settings)

    other = accounts.number("2002")
    assert accounts.default
    assert accounts.default.name == ""
    assert accounts.owner_of("2002") == accounts.default
    assert other
    assert (other.pace, other.credentials.token) == (20, "EAA")
