"""What a sandbox is told at its start, checked field by field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

CATEGORIES = ("marketing", "utility", "authentication")
_DAY_S = 24 * 60 * 60
# Meta tries at once, then less and less often for seven days; the moments are not published.
# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint
_RETRY_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0)


class ConfigError(ValueError):
    """The configuration cannot be used; the message is one sentence without any value."""


@dataclass(frozen=True, slots=True)
class Number:
    """A business phone number: Meta's id of it, and the digits that people see."""

    id: str
    display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that can be set; moments of statuses count from the acceptance of the message."""

    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    webhook_url: str
    numbers: tuple[Number, ...]
    any_number: bool = False  # Whether every other phone number id is one of ours as well.
    waba_id: str = "100000000000001"
    app_id: str = "100000000000003"
    # Of accounts that the token may look at, by their ids.
    other_accounts: Mapping[str, tuple[Number, ...]] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8081
    enforce_limits: bool = True
    messages_per_second: int = 80
    enforce_window: str = "off"  # Or "status" or "answer": how a breach is told.
    enforce_opt_out: str = "status"
    templates: Mapping[str, str] = field(default_factory=dict)  # Name to category, else utility.
    answer_after_s: float = 0.0
    statuses: bool = True
    sent_after_s: float = 0.02
    delivered_after_s: float = 0.06
    read_after_s: float | None = 0.15  # None: customers never open what they get.
    retry_pauses_s: tuple[float, ...] = _RETRY_PAUSES_S  # The last one repeats.
    retry_for_s: float = 7 * _DAY_S
    webhook_timeout_s: float = 5.0
    max_deliveries: int = 64  # POSTs under way at one moment.
    batch_max: int = 1  # Updates in one POST.
    batch_wait_s: float = 0.05
    pending_max: int = 100_000  # Updates that are owed at one moment.
    log_max: int = 200_000

    @property
    def accounts(self) -> Mapping[str, tuple[Number, ...]]:
        """Give all accounts and their numbers."""
        return {**self.other_accounts, self.waba_id: self.numbers}

    @classmethod
    def from_mapping(cls, mapping: object) -> Self:
        """Read a decoded JSON object; raise ConfigError at the first field that is wrong."""
        if not isinstance(mapping, Mapping):
            raise ConfigError("The configuration must be a JSON object.")
        if unknown := sorted(set(mapping) - set(_CHECKS)):
            raise ConfigError(f"Unknown field in the configuration: {unknown[0]}.")
        for each in fields(cls):
            needed = each.default is MISSING and each.default_factory is MISSING
            if needed and each.name not in mapping:
                raise ConfigError(f"The configuration lacks {each.name}.")
        for name, value in mapping.items():
            holds, wanted = _CHECKS[name]
            if not holds(value):
                raise ConfigError(f"{name} must be {wanted}.")
        return cls(**{name: _freeze(name, value) for name, value in mapping.items()})


def _freeze(name: str, value: Any) -> Any:
    if name == "numbers":
        return tuple(Number(id=one["id"], display=one["display"]) for one in value)
    if name == "other_accounts":
        return {waba_id: _freeze("numbers", numbers) for waba_id, numbers in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_address(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"https?://[^/\s]+\S*", value) is not None


def _is_pauses(value: object) -> bool:
    # A last pause of nothing would try again without end and without rest.
    return isinstance(value, list) and all(map(_is_number, value)) and (not value or value[-1] > 0)


def _is_numbers(value: object) -> bool:
    return (
        isinstance(value, list)
        and value != []
        and all(isinstance(one, dict) and set(one) == {"id", "display"} for one in value)
        and all(_is_digits(one["id"]) and _is_text(one["display"]) for one in value)
    )


def _is_accounts(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_digits(waba_id) and _is_numbers(numbers) for waba_id, numbers in value.items()
    )


def _is_digits(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def is_templates(value: object) -> bool:
    """Tell whether this maps names of templates to their categories."""
    return isinstance(value, dict) and all(
        _is_text(name) and category in CATEGORIES for name, category in value.items()
    )


_TEXT = (_is_text, "a string that is not empty")
_SECONDS = (_is_number, "a number of seconds, 0 or more")
_COUNT = (_is_count, "a whole number, 1 or more")
_ENFORCEMENT = (lambda value: value in ("off", "status", "answer"), "off, status or answer")
_FLAG = (_is_flag, "true or false")

_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "app_secret": _TEXT,
    "access_token": _TEXT,
    "webhook_url": (_is_address, "a web address that begins with http:// or https://"),
    "numbers": (_is_numbers, 'a list of at least one {"id": digits, "display": text}'),
    "any_number": _FLAG,
    "waba_id": _TEXT,
    "app_id": (_is_digits, "an id, digits only"),
    "other_accounts": (_is_accounts, "accounts, each an id with a list like numbers"),
    "host": _TEXT,
    "port": (_is_port, "a port, 0 to 65535"),
    "enforce_limits": _FLAG,
    "messages_per_second": _COUNT,
    "enforce_window": _ENFORCEMENT,
    "enforce_opt_out": _ENFORCEMENT,
    "templates": (is_templates, f"names of templates, each with {', '.join(CATEGORIES)}"),
    "answer_after_s": _SECONDS,
    "statuses": _FLAG,
    "sent_after_s": _SECONDS,
    "delivered_after_s": _SECONDS,
    "read_after_s": (lambda value: value is None or _is_number(value), "seconds, or null for off"),
    "retry_pauses_s": (_is_pauses, "a list of seconds that does not end with 0"),
    "retry_for_s": _SECONDS,
    "webhook_timeout_s": _SECONDS,
    "max_deliveries": _COUNT,
    "batch_max": _COUNT,
    "batch_wait_s": _SECONDS,
    "pending_max": _COUNT,
    "log_max": _COUNT,
}
