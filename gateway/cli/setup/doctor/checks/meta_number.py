"""Checks of the number at Meta: whether it may send, how well it is thought of, and how much."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.cli.common.output import many
from gateway.cli.setup.doctor.findings import (
    Check,
    Finding,
    Unseen,
    both,
    broken,
    fine,
    unseen,
    warning,
)
from gateway.cli.setup.doctor.meta_answers import MetaAnswers, by_token, of_meta, seen, told
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import NumberInfo
from gateway.store.monitoring.snapshot import DeadLetterGroup, Snapshot

CONNECTED = "CONNECTED"
# The number sends, and Meta is about to change that.
_STILL_SENDS = frozenset({"FLAGGED", "RATE_LIMITED"})
_GOOD = frozenset({"GREEN", "UNKNOWN", "NA"})
VERIFIED = "VERIFIED"
_NAMED = frozenset({"APPROVED", "AVAILABLE_WITHOUT_REVIEW", "NONE"})
TEST = "SANDBOX"
NOT_ON_THE_LIST = 131030
GRANTED = {"STANDARD": 80, "HIGH": 1_000}
_WHO = {"PHONE_NUMBER": "number", "WABA": "account", "BUSINESS": "business", "APP": "app"}
# What a business has before Meta knows who it is.
_FIRST_TIERS = frozenset({"TIER_50", "TIER_250"})


def number(found: NumberInfo | SetupError) -> Iterator[Finding]:
    """Tell that nothing can be sent from the number."""
    if isinstance(found, SetupError):
        yield told(found, "META_PHONE_NUMBER_ID: ")
    elif not found.status:
        yield unseen("Meta did not say its status")
    elif found.status == CONNECTED:
        yield fine("It is registered and connected.")
    elif found.status in _STILL_SENDS:
        yield warning(f"Its status is {found.status}.")
    else:
        yield broken(f"Its status is {found.status}, so nothing is sent from it.")


def verified(found: NumberInfo) -> Iterator[Finding]:
    """Tell that nobody has shown that the number is theirs."""
    if not found.code_verification:
        yield unseen("Meta did not say whether it is verified")
    elif found.code_verification == VERIFIED:
        yield fine(f"{VERIFIED}.")
    elif found.status == CONNECTED:
        yield fine(f"{found.code_verification}, which matters only until it is connected.")
    else:
        yield warning(f"Its verification is {found.code_verification}.")


def name(found: NumberInfo) -> Iterator[Finding]:
    """Tell that Meta has not approved what customers see as the sender."""
    if not found.name_status:
        yield unseen("Meta did not say how it stands")
    elif found.name_status in _NAMED:
        yield fine(f"{found.name_status}.")
    else:
        yield warning(f"It is {found.name_status}; sends may be refused with code 131037.")


def quality(found: NumberInfo) -> Iterator[Finding]:
    """Tell that customers block or report the number."""
    if not found.quality:
        yield unseen("Meta did not say it")
    elif found.quality in _GOOD:
        yield fine(f"{found.quality}.")
    else:
        yield warning(f"{found.quality}: customers block or report what is sent.")


def throughput(asked: tuple[NumberInfo, int]) -> Iterator[Finding]:
    """Tell that we send faster than Meta takes, or slower."""
    found, ours = asked
    granted = GRANTED.get(found.throughput)
    if granted is None:
        yield unseen("Meta did not say what it grants")
    elif ours > granted:
        yield warning(f"Meta grants {granted} messages a second, and {ours} are set.")
    else:
        yield fine(f"Meta grants {granted} messages a second, and {ours} are set.")


def reach(found: NumberInfo) -> Iterator[Finding]:
    """Tell that few customers a day may be written to first."""
    tier = found.messaging_limit
    people = tier.removeprefix("TIER_")
    if not tier:
        yield unseen("Meta did not say it")
    elif tier in _FIRST_TIERS and found.mode != TEST:
        yield warning(f"{people} customers a day may be written to first; replies are not counted.")
    else:
        yield fine(f"{people.lower()} customers a day may be written to first.")


def recipients(
    asked: tuple[NumberInfo | Unseen, Mapping[DeadLetterGroup, int]],
) -> Iterator[Finding]:
    """Tell that a test number reaches its list of recipients and nobody else."""
    found, letters = asked
    refused = sum(count for of, count in letters.items() if of.code == NOT_ON_THE_LIST)
    if refused:
        yield broken(f"{many(refused, 'send')} to phones that are not on the list (code 131030).")
    elif isinstance(found, Unseen):
        yield unseen(found.why)
    elif found.mode == TEST:
        yield warning(
            f"Its account_mode is {TEST}, as test numbers have it: Meta sends to the recipients on "
            "its list, five at most, and refuses all others with code 131030."
        )
    elif not found.mode:
        yield unseen("Meta did not say whether it is a test number")
    else:
        yield fine(f"Its account_mode is {found.mode}, and nobody was refused as not on a list.")


def health(found: NumberInfo) -> Iterator[Finding]:
    """Tell what Meta itself says that keeps messages from being sent."""
    if not found.health:
        yield unseen("Meta did not say it")
        return
    for one in found.health:
        who, because = _WHO.get(one.what, one.what), f": {one.why}" if one.why else "."
        if one.state == "BLOCKED":
            yield broken(f"The {who} may not send{because}")
        elif one.state != "AVAILABLE":
            yield warning(f"The {who} may send within limits{because}")
    if all(one.state == "AVAILABLE" for one in found.health):
        yield fine("Number, account, business and app may send.")


def _told(meta: MetaAnswers) -> NumberInfo | SetupError | Unseen:
    return by_token(meta, meta.number)


def _known(meta: MetaAnswers) -> NumberInfo | Unseen:
    found = _told(meta)
    if isinstance(found, SetupError) and not found.passing:
        return Unseen("Meta does not show the number")
    return seen(found)


def _recipients(facts: Any) -> tuple[NumberInfo | Unseen, Mapping[DeadLetterGroup, int]]:
    reading: Snapshot | Unseen = facts.reading
    letters = {} if isinstance(reading, Unseen) else reading.letters
    return _number(facts), letters


_number = of_meta(_known)
_granted = of_meta(lambda meta: both(_known(meta), meta.per_second))
CHECKS: tuple[Check[Any], ...] = (
    Check("number", "number", of_meta(_told), number),
    Check("number", "messaging health", _number, health),
    Check("number", "verification", _number, verified),
    Check("number", "display name", _number, name),
    Check("number", "quality", _number, quality),
    Check("number", "throughput", _granted, throughput),
    Check("number", "daily reach", _number, reach),
    Check("number", "recipients", _recipients, recipients),
)
