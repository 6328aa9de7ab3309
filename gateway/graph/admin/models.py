"""Models of Meta's administration: tokens, numbers and apps, parsed from its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.core.text import sanitize


@dataclass(frozen=True, slots=True)
class EntityHealth:
    """Health of one entity that takes part in sending: a number, an account, an app."""

    entity_type: str  # PHONE_NUMBER, WABA, BUSINESS or APP
    state: str  # AVAILABLE, LIMITED or BLOCKED
    reason: str = ""  # in Meta's words


def health(data: Mapping[str, Any]) -> tuple[EntityHealth, ...]:
    """Read the field health_status; malformed parts of it are left out."""
    status = data.get("health_status")
    entities = status.get("entities") if isinstance(status, dict) else None
    rows = entities if isinstance(entities, list) else []
    return tuple(_entity(one) for one in rows if isinstance(one, dict))


def _entity(data: Mapping[str, Any]) -> EntityHealth:
    what, state = sanitize(data.get("entity_type")), sanitize(data.get("can_send_message"))
    errors, more = data.get("errors"), data.get("additional_info")
    rows = errors if isinstance(errors, list) else []
    messages = [_error(one) for one in rows if isinstance(one, dict)]
    messages += [sanitize(one) for one in more] if isinstance(more, list) else []
    return EntityHealth(what, state, " ".join(filter(None, messages)))


def _error(data: Mapping[str, Any]) -> str:
    code = data.get("error_code")
    parts = (sanitize(data.get("error_description")), sanitize(data.get("possible_solution")))
    message = " ".join(filter(None, parts))
    return f"{message} (code {code})" if isinstance(code, int) else message


MANAGEMENT, MESSAGING = "whatsapp_business_management", "whatsapp_business_messaging"
SYSTEM_USER = "SYSTEM_USER"
WHATSAPP = "whatsapp_business_account"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """Token information; https://developers.facebook.com/docs/graph-api/reference/debug_token."""

    valid: bool
    app_id: str
    type: str  # USER for the temporary one of the app's page, SYSTEM_USER, PAGE or APP
    expires_at: datetime | None  # None: it does not expire
    scopes: tuple[str, ...]
    targets: Mapping[str, tuple[str, ...]]  # a scope that is missing here applies to all
    code: int = 0  # reason that it is invalid: Meta's code and subcode, such as 190 and 463
    subcode: int = 0

    @property
    def is_permanent(self) -> bool:
        """Return whether it is a system user's token that does not expire."""
        return self.type == SYSTEM_USER and self.expires_at is None

    def missing_scopes(self, *scopes: str) -> tuple[str, ...]:
        """Return those of the given scopes that the token lacks."""
        return tuple(scope for scope in scopes if scope not in self.scopes)

    def may_manage(self, waba_id: str) -> bool:
        """Return whether the token may manage this account, as far as its scopes show."""
        return waba_id in self.targets.get(MANAGEMENT, (waba_id,))


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Callbacks of a number: its own, else the account's, else the app's; "" is none."""

    number: str = ""
    account: str = ""
    app: str = ""

    @property
    def effective(self) -> str:
        """Return the callback to which Meta posts the number's messages."""
        return self.number or self.account or self.app


@dataclass(frozen=True, slots=True)
class NumberInfo:
    """A business phone number; "" is a field that Meta did not return."""

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
class TemplateInfo:
    """A template in one language; its status is Meta's word, such as APPROVED or PAUSED."""

    name: str
    language: str
    status: str


@dataclass(frozen=True, slots=True)
class AppInfo:
    """An app, identified by its id."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SubscribedApp:
    """An app subscribed to an account's webhooks; `override` is the account's callback for it."""

    id: str
    name: str = ""
    override: str = ""


@dataclass(frozen=True, slots=True)
class AppCallback:
    """Callback of an app for one kind of object, with the subscribed fields."""

    object: str
    uri: str
    active: bool
    fields: tuple[str, ...]


def token_info(data: Mapping[str, Any]) -> TokenInfo:
    """Read the data of /debug_token."""
    error = _mapping(data.get("error"))
    granular = [_mapping(one) for one in _list(data.get("granular_scopes"))]
    return TokenInfo(
        valid=data.get("is_valid") is True,
        app_id=_text(data.get("app_id")),
        type=_text(data.get("type")),
        expires_at=_moment(data.get("expires_at")),
        scopes=_texts(data.get("scopes")),
        targets={
            _text(one.get("scope")): _texts(one["target_ids"])
            for one in granular
            if "target_ids" in one
        },
        code=_integer(error.get("code")),
        subcode=_integer(error.get("subcode")),
    )


def number_info(data: Mapping[str, Any]) -> NumberInfo:
    """Read a phone number."""
    callbacks = _mapping(data.get("webhook_configuration"))
    return NumberInfo(
        id=_text(data.get("id")),
        display=_text(data.get("display_phone_number")),
        name=_text(data.get("verified_name")),
        quality=_text(data.get("quality_rating")),
        status=_text(data.get("status")),
        code_verification=_text(data.get("code_verification_status")),
        name_status=_text(data.get("name_status")),
        mode=_text(data.get("account_mode")),
        platform=_text(data.get("platform_type")),
        throughput=_text(_mapping(data.get("throughput")).get("level")),
        messaging_limit=_text(data.get("whatsapp_business_manager_messaging_limit")),
        callbacks=Callbacks(
            number=_text(callbacks.get("phone_number")),
            account=_text(callbacks.get("whatsapp_business_account")),
            app=_text(callbacks.get("application")),
        ),
        health=health(data),
    )


def template_info(data: Mapping[str, Any]) -> TemplateInfo:
    """Read a template."""
    return TemplateInfo(
        _text(data.get("name")), _text(data.get("language")), _text(data.get("status"))
    )


def app_info(data: Mapping[str, Any]) -> AppInfo:
    """Read an app."""
    return AppInfo(_text(data.get("id")), _text(data.get("name")))


def subscribed_app(data: Mapping[str, Any]) -> SubscribedApp:
    """Read one of the apps subscribed to an account."""
    app = _mapping(data.get("whatsapp_business_api_data"))
    override = _text(data.get("override_callback_uri"))
    return SubscribedApp(_text(app.get("id")), _text(app.get("name")), override)


def app_callback(data: Mapping[str, Any]) -> AppCallback:
    """Read one of an app's subscriptions; its fields are names, or objects with a name."""
    fields = (
        one if isinstance(one, str) else _text(_mapping(one).get("name"))
        for one in _list(data.get("fields"))
    )
    return AppCallback(
        object=_text(data.get("object")),
        uri=_text(data.get("callback_url")),
        active=data.get("active") is True,
        fields=tuple(filter(None, fields)),
    )


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _integer(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, _list(value))))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(seconds: object) -> datetime | None:
    """Read a Unix time; Meta writes 0 for never."""
    try:
        return datetime.fromtimestamp(_integer(seconds), UTC) if _integer(seconds) > 0 else None
    except (OverflowError, ValueError, OSError):
        return None
