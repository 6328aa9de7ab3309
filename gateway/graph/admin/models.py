"""What Meta's administration tells of a token, a number and an app, read from its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.core.text import sanitize


@dataclass(frozen=True, slots=True)
class EntityHealth:
    """How one of those who take part in each message stands: a number, an account, an app."""

    what: str  # PHONE_NUMBER, WABA, BUSINESS or APP
    state: str  # AVAILABLE, LIMITED or BLOCKED
    why: str = ""  # in Meta's words


def health(found: Mapping[str, Any]) -> tuple[EntityHealth, ...]:
    """Read the field health_status; what is malformed in it is left out."""
    status = found.get("health_status")
    entities = status.get("entities") if isinstance(status, dict) else None
    rows = entities if isinstance(entities, list) else []
    return tuple(_entity(one) for one in rows if isinstance(one, dict))


def _entity(found: Mapping[str, Any]) -> EntityHealth:
    what, state = sanitize(found.get("entity_type")), sanitize(found.get("can_send_message"))
    errors, more = found.get("errors"), found.get("additional_info")
    rows = errors if isinstance(errors, list) else []
    told = [_error(one) for one in rows if isinstance(one, dict)]
    told += [sanitize(one) for one in more] if isinstance(more, list) else []
    return EntityHealth(what, state, " ".join(filter(None, told)))


def _error(found: Mapping[str, Any]) -> str:
    code = found.get("error_code")
    parts = (sanitize(found.get("error_description")), sanitize(found.get("possible_solution")))
    told = " ".join(filter(None, parts))
    return f"{told} (code {code})" if isinstance(code, int) else told


MANAGEMENT, MESSAGING = "whatsapp_business_management", "whatsapp_business_messaging"
SYSTEM_USER = "SYSTEM_USER"
WHATSAPP = "whatsapp_business_account"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What a token is; https://developers.facebook.com/docs/graph-api/reference/debug_token."""

    valid: bool
    app_id: str
    type: str  # USER for the temporary one of the app's page, SYSTEM_USER, PAGE or APP
    expires_at: datetime | None  # None: it does not run out
    scopes: tuple[str, ...]
    targets: Mapping[str, tuple[str, ...]]  # a scope that is not named here is for all
    code: int = 0  # why it is not valid: Meta's code and subcode, such as 190 and 463
    subcode: int = 0

    @property
    def lasting(self) -> bool:
        """Say whether it is a system user's that does not run out."""
        return self.type == SYSTEM_USER and self.expires_at is None

    def lacks(self, *scopes: str) -> tuple[str, ...]:
        """Return those of the scopes that it was not given."""
        return tuple(scope for scope in scopes if scope not in self.scopes)

    def sees(self, waba_id: str) -> bool:
        """Say whether it may manage this account, as far as its scopes tell."""
        return waba_id in self.targets.get(MANAGEMENT, (waba_id,))


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Where webhooks of a number go: its own, else the account's, else the app's; "" is none."""

    number: str = ""
    account: str = ""
    app: str = ""

    @property
    def in_force(self) -> str:
        """Return where Meta posts the number's messages."""
        return self.number or self.account or self.app


@dataclass(frozen=True, slots=True)
class NumberInfo:
    """A business phone number; "" is what Meta did not tell."""

    id: str
    display: str = ""
    name: str = ""
    quality: str = ""  # GREEN, YELLOW, RED, or UNKNOWN or NA
    status: str = ""  # CONNECTED once it is registered
    code_verification: str = ""
    name_status: str = ""
    mode: str = ""  # LIVE, or SANDBOX for a test number
    platform: str = ""  # CLOUD_API, ON_PREMISE or NOT_APPLICABLE
    throughput: str = ""  # STANDARD, HIGH or NOT_APPLICABLE
    messaging_limit: str = ""  # such as TIER_250: customers a day outside the window
    callbacks: Callbacks = field(default_factory=Callbacks)
    health: tuple[EntityHealth, ...] = ()


@dataclass(frozen=True, slots=True)
class AppInfo:
    """An app by its id."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SubscribedApp:
    """An app that gets an account's webhooks; `override` is the account's own callback for it."""

    id: str
    name: str = ""
    override: str = ""


@dataclass(frozen=True, slots=True)
class AppCallback:
    """Where an app gets webhooks of one kind of object, and which fields."""

    object: str
    uri: str
    active: bool
    fields: tuple[str, ...]


def token_info(found: Mapping[str, Any]) -> TokenInfo:
    """Read the data of /debug_token."""
    error = _mapping(found.get("error"))
    granular = [_mapping(one) for one in _list(found.get("granular_scopes"))]
    return TokenInfo(
        valid=found.get("is_valid") is True,
        app_id=_text(found.get("app_id")),
        type=_text(found.get("type")),
        expires_at=_moment(found.get("expires_at")),
        scopes=_texts(found.get("scopes")),
        targets={
            _text(one.get("scope")): _texts(one["target_ids"])
            for one in granular
            if "target_ids" in one
        },
        code=_number(error.get("code")),
        subcode=_number(error.get("subcode")),
    )


def number_info(found: Mapping[str, Any]) -> NumberInfo:
    """Read a phone number."""
    callbacks = _mapping(found.get("webhook_configuration"))
    return NumberInfo(
        id=_text(found.get("id")),
        display=_text(found.get("display_phone_number")),
        name=_text(found.get("verified_name")),
        quality=_text(found.get("quality_rating")),
        status=_text(found.get("status")),
        code_verification=_text(found.get("code_verification_status")),
        name_status=_text(found.get("name_status")),
        mode=_text(found.get("account_mode")),
        platform=_text(found.get("platform_type")),
        throughput=_text(_mapping(found.get("throughput")).get("level")),
        messaging_limit=_text(found.get("whatsapp_business_manager_messaging_limit")),
        callbacks=Callbacks(
            number=_text(callbacks.get("phone_number")),
            account=_text(callbacks.get("whatsapp_business_account")),
            app=_text(callbacks.get("application")),
        ),
        health=health(found),
    )


def app_info(found: Mapping[str, Any]) -> AppInfo:
    """Read an app."""
    return AppInfo(_text(found.get("id")), _text(found.get("name")))


def subscribed_app(found: Mapping[str, Any]) -> SubscribedApp:
    """Read one of the apps that are subscribed to an account."""
    app = _mapping(found.get("whatsapp_business_api_data"))
    override = _text(found.get("override_callback_uri"))
    return SubscribedApp(_text(app.get("id")), _text(app.get("name")), override)


def app_callback(found: Mapping[str, Any]) -> AppCallback:
    """Read one of an app's subscriptions; its fields are names, or objects with a name."""
    fields = (
        one if isinstance(one, str) else _text(_mapping(one).get("name"))
        for one in _list(found.get("fields"))
    )
    return AppCallback(
        object=_text(found.get("object")),
        uri=_text(found.get("callback_url")),
        active=found.get("active") is True,
        fields=tuple(filter(None, fields)),
    )


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, _list(value))))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(seconds: object) -> datetime | None:
    """Read a moment; Meta writes 0 for never."""
    try:
        return datetime.fromtimestamp(_number(seconds), UTC) if _number(seconds) > 0 else None
    except (OverflowError, ValueError, OSError):
        return None
