"""Time zones that the accounts file gives to paths of rules, read from its YAML as it is.

Neither secrets nor tokens are needed for it, so rules can be checked where these are missing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.accounts.checks import Found, account_name
from gateway.rules.loader import read_file
from gateway.rules.problems import quote_word
from gateway.rules.yaml.nodes import Map, Scalar, as_list, parse


def find_zone_conflicts(tree: Map, folder: Path, usual_rules: Path) -> Iterator[Found]:
    """Find accounts that use the same rules as one above them, and name another time zone.

    Paths begin in `folder`; accounts that name no rules use `usual_rules`.
    """
    first: dict[Path, Map] = {}
    for account, path in _accounts_with_rules(tree, folder, usual_rules):
        above = first.setdefault(path, account)
        if _zone_of(account) != _zone_of(above):
            written = account.get("time_zone", account.get("name"))
            owner = quote_word(account_name(above))
            zone = _zone_of(above)
            same = f"name the time_zone {quote_word(zone)}" if zone else "name no time_zone"
            message = f"shares its rules with account {owner}, so it must {same} as that does"
            mark = written.mark if isinstance(written, Scalar) else account.mark
            yield mark, account_name(account), message


def read_zone_of_rules(file: Path, usual_rules: Path, path: Path) -> str:
    """Return the time zone that an accounts file gives to a file or folder of rules.

    "" where the file cannot be read, or none of its accounts uses the path and names a zone.
    """
    try:
        tree, _ = parse(str(file), read_file(file).content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return ""
    accounts = _accounts_with_rules(tree, file.parent, usual_rules) if isinstance(tree, Map) else ()
    wanted = path.resolve()
    for account, rules in accounts:
        if rules.resolve() in (wanted, *wanted.parents):
            return _zone_of(account)
    return ""


def _accounts_with_rules(tree: Map, folder: Path, usual_rules: Path) -> Iterator[tuple[Map, Path]]:
    for account in as_list(tree.get("accounts")):
        if isinstance(account, Map):
            yield account, _rules_of(account.get("rules"), folder, usual_rules)


def _rules_of(written: Any, folder: Path, usual_rules: Path) -> Path:
    return folder / written.strip() if isinstance(written, Scalar) else usual_rules


def _zone_of(account: Map) -> str:
    zone = account.get("time_zone")
    return zone.strip() if isinstance(zone, Scalar) else ""
