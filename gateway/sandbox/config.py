"""Configuration of a sandbox, checked field by field."""

import sys
from pathlib import Path
from typing import Annotated, Literal, Self

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)
from pydantic.dataclasses import dataclass

from gateway.sandbox.fields import Count, Digits, Flag, Seconds, Text, explain_error
from gateway.sandbox.templates import Templates

_DAY_S = 24 * 60 * 60
# Meta tries at once, then less and less often for seven days; it does not publish the times.
# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint
_RETRY_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0)

_Enforcement = Annotated[
    Literal["off", "status", "answer"], Field(description="off, status or answer")
]


class ConfigError(ValueError):
    """The configuration is invalid; the message is one sentence without any value."""


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Number:
    """Business phone number: Meta's id of it, and the digits that people see."""

    id: Digits
    display: Text


_Numbers = Annotated[
    tuple[Number, ...],
    Field(min_length=1, description='a list of at least one {"id": digits, "display": text}'),
]


def _check_last_pause(pauses_s: tuple[float, ...]) -> tuple[float, ...]:
    # A last pause of 0 would retry for ever without a pause.
    if pauses_s and not pauses_s[-1]:
        raise ValueError
    return pauses_s


class AppConfig(BaseModel):
    """One app with its secret and token, and with the account and the numbers that it works for."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_secret: Text = Field(repr=False)
    access_token: Text = Field(repr=False)
    webhook_url: str = Field(
        pattern=r"^https?://[^/\s]+\S*$",
        description="a web address that begins with http:// or https://",
    )
    numbers: _Numbers
    waba_id: Text
    app_id: Digits
    messaging_limit: Text = "TIER_UNLIMITED"  # As Meta names it: TIER_250, TIER_2K …
    require_proof: Flag = False  # Whether calls with the token need an appsecret_proof.
    # Accounts that the token may look at, by their ids.
    other_accounts: dict[Digits, _Numbers] = Field(
        {}, description="accounts, each an id with a list like numbers"
    )

    @property
    def accounts(self) -> dict[str, tuple[Number, ...]]:
        """Return all accounts and their numbers."""
        return {**self.other_accounts, self.waba_id: self.numbers}


_UNIQUE = ("app_id", "waba_id", "access_token")


def _check_unique_ids(more: tuple[AppConfig, ...], info: ValidationInfo) -> tuple[AppConfig, ...]:
    # Fields before this one that are wrong are missing here, and are reported instead of it.
    if not {*_UNIQUE, "numbers"} <= info.data.keys():
        return more
    apps = [info.data, *map(dict, more)]
    columns = [[app[name] for app in apps] for name in _UNIQUE]
    columns.append([number.id for app in apps for number in app["numbers"]])
    if any(len({*column}) != len(column) for column in columns):
        raise ValueError
    return more


class Config(AppConfig):
    """All settings, with those of the first app; times of statuses count from the acceptance."""

    waba_id: Text = "100000000000001"
    app_id: Digits = "100000000000003"
    more_apps: Annotated[tuple[AppConfig, ...], AfterValidator(_check_unique_ids)] = Field(
        (),
        description="a list of apps, each with app_id, app_secret, access_token, webhook_url, "
        "waba_id and numbers, and none of their ids and tokens twice",
    )
    # With it nothing is delivered before the first app's webhook has passed the handshake.
    verify_token: str = Field("", repr=False, description="a string, or empty for no handshake")
    user_ids: Flag = False  # Whether each customer's phone number has a user id too.
    clock_ahead_s: Seconds = 0.0
    any_number: Flag = False  # Whether every other phone number id is the first app's as well.
    host: Text = "127.0.0.1"
    port: int = Field(8081, strict=True, ge=0, le=65535, description="a port, 0 to 65535")
    enforce_limits: Flag = True
    messages_per_second: Count = 80
    enforce_window: _Enforcement = "off"  # How a breach is reported.
    enforce_opt_out: _Enforcement = "status"
    # The only phones that a test number writes to; None: it is no test number.
    recipients: tuple[Digits, ...] | None = Field(None, description="a list of digits, or null")
    templates: Templates = {}  # All others are utility, and are not listed.
    answer_after_s: Seconds = 0.0
    statuses: Flag = True
    sent_after_s: Seconds = 0.02
    delivered_after_s: Seconds = 0.06
    # None: customers never open what they get.
    read_after_s: Seconds | None = Field(0.15, description="seconds, or null for off")
    retry_pauses_s: Annotated[  # The last one repeats.
        tuple[Seconds, ...],
        AfterValidator(_check_last_pause),
        Field(description="a list of seconds that does not end with 0"),
    ] = _RETRY_PAUSES_S
    retry_for_s: Seconds = 7 * _DAY_S
    webhook_timeout_s: Seconds = 5.0
    max_deliveries: Count = 64  # POSTs under way at one moment.
    batch_max: Count = 1  # Updates in one POST.
    batch_wait_s: Seconds = 0.05
    pending_max: Count = 100_000  # Updates that are owed at one moment.
    log_max: Count = 200_000

    @property
    def apps(self) -> tuple[AppConfig, ...]:
        """Return all apps, the first one first."""
        return (self, *self.more_apps)

    @classmethod
    def from_mapping(cls, mapping: object) -> Self:
        """Read a decoded JSON object; raise ConfigError at the first field that is wrong."""
        try:
            return cls.model_validate(mapping)
        except ValidationError as error:
            raise ConfigError(_explain(error)) from None


def read_config(path: str) -> Config:
    """Read a JSON file, or standard input for `-`. Raises ConfigError."""
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return Config.from_mapping(orjson.loads(raw))
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration: {error.strerror}.") from None
    except orjson.JSONDecodeError:
        raise ConfigError("The configuration is not JSON.") from None


def _explain(error: ValidationError) -> str:
    match error.errors()[0]:
        case {"loc": ()}:
            return "The configuration must be a JSON object."
        case {"type": "extra_forbidden", "loc": (name,)}:
            return f"Unknown field in the configuration: {name}."
        case {"type": "missing", "loc": (name,)}:
            return f"The configuration lacks {name}."
        case _:
            return explain_error(Config, error)
