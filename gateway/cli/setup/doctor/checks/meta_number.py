"""Checks of the number at Meta: whether it may send, its quality, and its limits."""

from collections.abc import Iterator, Mapping
from typing import Any

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
from gateway.cli.setup.doctor.meta_answers import (
    MetaAnswers,
    answer_or_unseen,
    by_token,
    error_finding,
    of_meta,
)
from gateway.core.formats import pluralize
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.models import NumberInfo
from gateway.store.monitoring.snapshot import DeadLetterGroup, Snapshot

CONNECTED = "CONNECTED"
# The number sends, but Meta may soon restrict it.
_STILL_SENDS = frozenset({"FLAGGED", "RATE_LIMITED"})
_GOOD = frozenset({"GREEN", "UNKNOWN", "NA"})
VERIFIED = "VERIFIED"
_NAMED = frozenset({"APPROVED", "AVAILABLE_WITHOUT_REVIEW", "NONE"})
TEST = "SANDBOX"
NOT_ON_THE_LIST = 131030
GRANTED = {"STANDARD": 80, "HIGH": 1_000}
_WHO = {"PHONE_NUMBER": "number", "WABA": "account", "BUSINESS": "business", "APP": "app"}
# Limit of a business that Meta has not verified yet.
_FIRST_TIERS = frozenset({"TIER_50", "TIER_250"})


def number(info: NumberInfo | SetupError) -> Iterator[Finding]:
    """Check that the number can send."""
    if isinstance(info, SetupError):
        yield error_finding(info, "META_PHONE_NUMBER_ID: ")
    elif not info.status:
        yield unseen("Meta did not say its status")
    elif info.status == CONNECTED:
        yield fine("It is registered and connected.")
    elif info.status in _STILL_SENDS:
        yield warning(f"Its status is {info.status}.")
    else:
        yield broken(f"Its status is {info.status}, so nothing is sent from it.")


def verification(info: NumberInfo) -> Iterator[Finding]:
    """Check that the number is verified."""
    if not info.code_verification:
        yield unseen("Meta did not say whether it is verified")
    elif info.code_verification == VERIFIED:
        yield fine(f"{VERIFIED}.")
    elif info.status == CONNECTED:
        yield fine(f"{info.code_verification}, which matters only until it is connected.")
    else:
        yield warning(f"Its verification is {info.code_verification}.")


def name(info: NumberInfo) -> Iterator[Finding]:
    """Check that Meta has approved the display name that customers see."""
    if not info.name_status:
        yield unseen("Meta did not say how it stands")
    elif info.name_status in _NAMED:
        yield fine(f"{info.name_status}.")
    else:
        yield warning(f"It is {info.name_status}; sends may be refused with code 131037.")


def quality(info: NumberInfo) -> Iterator[Finding]:
    """Check that customers do not block or report the number."""
    if not info.quality:
        yield unseen("Meta did not say it")
    elif info.quality in _GOOD:
        yield fine(f"{info.quality}.")
    else:
        yield warning(f"{info.quality}: customers block or report what is sent.")


def throughput(inputs: tuple[NumberInfo, int]) -> Iterator[Finding]:
    """Compare our pace with what Meta grants the number."""
    info, ours = inputs
    granted = GRANTED.get(info.throughput)
    if granted is None:
        yield unseen("Meta did not say what it grants")
    elif ours > granted:
        yield warning(f"Meta grants {granted} messages a second, and {ours} are set.")
    else:
        yield fine(f"Meta grants {granted} messages a second, and {ours} are set.")


def reach(info: NumberInfo) -> Iterator[Finding]:
    """Check how many customers a day may be written to first."""
    tier = info.messaging_limit
    people = tier.removeprefix("TIER_")
    if not tier:
        yield unseen("Meta did not say it")
    elif tier in _FIRST_TIERS and info.mode != TEST:
        yield warning(f"{people} customers a day may be written to first; replies are not counted.")
    else:
        yield fine(f"{people.lower()} customers a day may be written to first.")


def recipients(
    inputs: tuple[NumberInfo | Unseen, Mapping[DeadLetterGroup, int]],
) -> Iterator[Finding]:
    """Check whether it is a test number, which reaches only its list of recipients."""
    info, letters = inputs
    refused_count = sum(count for of, count in letters.items() if of.code == NOT_ON_THE_LIST)
    if refused_count:
        yield broken(
            f"{pluralize(refused_count, 'send')} to phones that are not on the list (code 131030)."
        )
    elif isinstance(info, Unseen):
        yield unseen(info.why)
    elif info.mode == TEST:
        yield warning(
            f"Its account_mode is {TEST}, as test numbers have it: Meta sends to the recipients on "
            "its list, five at most, and refuses all others with code 131030."
        )
    elif not info.mode:
        yield unseen("Meta did not say whether it is a test number")
    else:
        yield fine(f"Its account_mode is {info.mode}, and nobody was refused as not on a list.")


def health(info: NumberInfo) -> Iterator[Finding]:
    """Check Meta's own health report for what prevents sending."""
    if not info.health:
        yield unseen("Meta did not say it")
        return
    for one in info.health:
        who, because = (
            _WHO.get(one.entity_type, one.entity_type),
            f": {one.reason}" if one.reason else ".",
        )
        if one.state == "BLOCKED":
            yield broken(f"The {who} may not send{because}")
        elif one.state != "AVAILABLE":
            yield warning(f"The {who} may send within limits{because}")
    if all(one.state == "AVAILABLE" for one in info.health):
        yield fine("Number, account, business and app may send.")


def _number_result(meta: MetaAnswers) -> NumberInfo | SetupError | Unseen:
    return by_token(meta, meta.number)


def _known_number(meta: MetaAnswers) -> NumberInfo | Unseen:
    result = _number_result(meta)
    if isinstance(result, SetupError) and not result.is_transient:
        return Unseen("Meta does not show the number")
    return answer_or_unseen(result)


def _recipients(facts: Any) -> tuple[NumberInfo | Unseen, Mapping[DeadLetterGroup, int]]:
    reading: Snapshot | Unseen = facts.reading
    letters = {} if isinstance(reading, Unseen) else reading.letters
    return _number(facts), letters


_number = of_meta(_known_number)
_throughput = of_meta(lambda meta: both(_known_number(meta), meta.per_second))
CHECKS: tuple[Check[Any], ...] = (
    Check(
        "number", "number", of_meta(_number_result), number,
        "Compare META_PHONE_NUMBER_ID with the app's page under WhatsApp > API Setup; "
        "docs/meta-setup.md says how a number is registered, and Meta's page of account quality "
        "why it is restricted.",
    ),
    Check(
        "number", "messaging health", _number, health,
        "Do what Meta says, in Meta Business Suite.",
    ),
    Check(
        "number", "verification", _number, verification,
        "Ask for a code in WhatsApp Manager under Phone numbers, and enter it there.",
    ),
    Check(
        "number", "display name", _number, name,
        "Mend it in WhatsApp Manager under Phone numbers; Meta looks at it anew.",
    ),
    Check(
        "number", "quality", _number, quality,
        "Write to fewer customers, and only to those who asked for it; Meta looks at the last "
        "seven days.",
    ),
    Check(
        "number", "throughput", _throughput, throughput,
        "Set META_MESSAGES_PER_SECOND to what Meta grants; it refuses the rest with 130429.",
    ),
    Check(
        "number", "daily reach", _number, reach,
        "Verify the business in Meta Business Suite; the limit rises with use and good quality.",
    ),
    Check(
        "number", "recipients", _recipients, recipients,
        "On the app's page under WhatsApp > API Setup, add each phone to the recipients (To), "
        "and confirm the code that it gets; a number of your own has no such list.",
    ),
)  # fmt: skip
