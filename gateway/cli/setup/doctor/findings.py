"""Checks and findings: a check is a named pure function from facts to findings, with advice."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from gateway.core.alerts import HealthProblem

START_WORKER = (
    "Start worker-{}, or see in its log why it does not answer; gateway worker starts all."
)
# Advice for a check that is not fine, by its name; a problem has advice of its own.
ADVICE: Mapping[str, str] = {
    "settings": (
        "Mend the line in .env or in the environment (docs/operations.md); gateway init asks for "
        "what Meta gives, and gateway dev needs none of it."
    ),
    "file mode": "Run chmod 600 .env.",
    "app secrets": (
        "A week after the new one was put in force, take the old one out of META_APP_SECRET."
    ),
    "store": (
        "See whether Redis runs and whether REDIS_URL names it, with rediss:// where it speaks "
        "TLS; until then Meta delivers again."
    ),
    "store address": "Change REDIS_URL; docs/scale-out.md has the forms.",
    "store version": "Install Valkey, or Redis 6.2 or newer.",
    "layout": "Run the release that wrote it, or point REDIS_URL to an empty server.",
    "persistence": "Set appendonly yes and appendfsync always.",
    "store disk": "See in the log of Redis whether its disk is full, and make room.",
    "eviction": "Set maxmemory-policy noeviction, and give Redis enough memory.",
    "memory": (
        "Give Redis more memory, keep history for less time (GATEWAY_RETENTION), or start "
        "more workers if much waits."
    ),
    "clock": "Let both machines follow a time server; date -u shows which is wrong.",
    "replicas": (
        "Start the replicas, or ask for fewer at the end of REDIS_URL (docs/scale-out.md)."
    ),
    "broker": "Start it, or mend CELERY_BROKER_URL; what waits is worked off once it is back.",
    "worker critical": START_WORKER.format("critical"),
    "worker default": START_WORKER.format("default"),
    "worker bulk": START_WORKER.format("bulk"),
    "worker scheduled": START_WORKER.format("default"),
    "schedule": (
        "Start beat and worker-default, or see in the log of worker-default what holds it up."
    ),
    "beat": "Start beat (celery -A tasks beat); where it runs, see in its log why it cannot ring.",
    "canary": "See with gateway status where things wait, and whether beat and all workers run.",
    "web": "Start gateway serve; where it runs, its /readyz says why it keeps nothing.",
    "rules": "Mend the line; docs/rules.md has every key with an example.",
    "rulebook": (
        "Wait a moment, for workers take up changed rules by themselves; then see with gateway "
        "status what they have in force, and whether they read the same files."
    ),
    "disk": "Make room: Redis needs as much again to write its append-only file anew.",
    "graph version": "Read Meta's changelog, set META_GRAPH_VERSION to a newer one, and try it.",
    "graph": "Check META_GRAPH_URL and the network between.",
    "app secret": "Copy it from the app's page, Settings > Basic, to META_APP_SECRET.",
    "token": (
        "Make a new one for this app, best a system user's, and put it into META_ACCESS_TOKEN."
    ),
    "token end": "Make a system user's token, which does not run out, in Meta Business Suite.",
    "token scopes": (
        "Generate it anew with whatsapp_business_messaging and whatsapp_business_management."
    ),
    "account": (
        "Compare the id with the app's page under WhatsApp > API Setup, and give the token's "
        "system user control of the account."
    ),
    "subscribed": (
        "Run gateway tunnel once, or post to the account's subscribed_apps with the token."
    ),
    "other apps": "Unsubscribe those that should not answer, in Meta Business Suite.",
    "callback": "On the app's page under WhatsApp > Configuration, set https://your.host/webhook.",
    "handshake": (
        "Let the callback lead to gateway serve, with the same META_VERIFY_TOKEN; gateway "
        "tunnel --clear takes away what an old tunnel left."
    ),
    "fields": "On the app's page under WhatsApp > Configuration, subscribe to the field.",
    "number": (
        "Compare META_PHONE_NUMBER_ID with the app's page under WhatsApp > API Setup; "
        "docs/meta-setup.md says how a number is registered, and Meta's page of account "
        "quality why it is restricted."
    ),
    "messaging health": "Do what Meta says, in Meta Business Suite.",
    "verification": "Ask for a code in WhatsApp Manager under Phone numbers, and enter it there.",
    "display name": "Mend it in WhatsApp Manager under Phone numbers; Meta looks at it anew.",
    "quality": (
        "Write to fewer customers, and only to those who asked for it; Meta looks at the last "
        "seven days."
    ),
    "throughput": (
        "Set META_MESSAGES_PER_SECOND to what Meta grants; it refuses the rest with 130429."
    ),
    "daily reach": (
        "Verify the business in Meta Business Suite; the limit rises with use and good quality."
    ),
    "recipients": (
        "On the app's page under WhatsApp > API Setup, add each phone to the recipients (To), "
        "and confirm the code that it gets; a number of your own has no such list."
    ),
}


T = TypeVar("T")
U = TypeVar("U")

State = Literal["fine", "warning", "broken", "unseen"]


@dataclass(frozen=True, slots=True)
class Unseen:
    """A fact that could not be collected, and why, to be read after "not looked at: "."""

    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check for one thing."""

    state: State
    message: str
    advice: str | None = None  # None: the check's advice; "": the message contains it

    @classmethod
    def of_problem(cls, problem: HealthProblem) -> "Finding":
        """Return the finding for a problem, worded as everywhere."""
        state: State = "broken" if problem.severity == "critical" else "warning"
        return cls(state, problem.sentence, problem.advice)


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """One thing that may be wrong.

    `of` extracts from all facts those that the check needs, and `judge` turns them into findings.
    The advice is in `ADVICE`, or belongs to the problem that was found.
    """

    group: str
    name: str
    of: Callable[[Any], T | Unseen]
    judge: Callable[[T], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Result:
    """A finding with the name of its check."""

    group: str
    name: str
    state: State
    message: str
    advice: str = ""  # "" if nothing is to be done, or the message contains it


def fine(message: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding("fine", message)


def warning(message: str) -> Finding:
    """Return the finding that something works, but not as requested or not for long."""
    return Finding("warning", message)


def broken(message: str, *, advised: bool = False) -> Finding:
    """Return the finding that messages do not arrive, or acknowledged deliveries may be lost."""
    return Finding("broken", message, "" if advised else None)


def unseen(why: str) -> Finding:
    """Return the finding that something could not be checked."""
    return Finding("unseen", f"not looked at: {why}")


def both(first: T | Unseen, second: U | Unseen) -> tuple[T, U] | Unseen:
    """Combine two facts that a check needs together."""
    if isinstance(first, Unseen):
        return first
    return second if isinstance(second, Unseen) else (first, second)


def run_checks(checks: Iterable[Check[Any]], facts: Any) -> Iterator[Result]:
    """Run every check; a check whose facts are missing gives the reason as its finding."""
    for check in checks:
        for one in _run_check(check, facts):
            # The text may come from outside, with control sequences for the terminal.
            message = "".join(sign if sign.isprintable() else " " for sign in one.message)
            advice = one.advice or ""
            if one.advice is None and one.state in ("warning", "broken"):
                advice = ADVICE[check.name]
            yield Result(check.group, check.name, one.state, message, advice)


def _run_check(check: Check[Any], facts: Any) -> list[Finding]:
    try:
        needed = check.of(facts)
        return (
            [unseen(needed.why)]
            if isinstance(needed, Unseen)
            else _relevant_findings(check.judge(needed))
        )
    except Exception as error:  # facts come from outside; one failed check must not stop others
        return [unseen(f"the check failed ({type(error).__name__}), so report this")]


def _relevant_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return distinct findings that are not fine, or else the first: a cluster has many servers."""
    every = list(dict.fromkeys(findings))
    return [one for one in every if one.state != "fine"] or every[:1]
