"""What Graph tells of a phone number, field by field."""

from collections.abc import Callable, Sequence

from gateway.sandbox.config import Number
from gateway.sandbox.errors import INVALID, Refusal
from gateway.sandbox.simulation.account import Account
from gateway.sandbox.wire import Json

_Read = Callable[[Number, Account], object]
_USUAL = ("verified_name", "code_verification_status", "display_phone_number", "quality_rating")


# https://developers.facebook.com/documentation/business-messaging/whatsapp/support/health-status
_ENTITIES = ("PHONE_NUMBER", "WABA", "BUSINESS", "APP")
_HEALTH: Json = {
    "can_send_message": "AVAILABLE",
    "entities": [{"entity_type": one, "can_send_message": "AVAILABLE"} for one in _ENTITIES],
}


def _callbacks(number: Number, account: Account) -> Json:
    callbacks = {
        "phone_number": account.number_overrides.get(number.id, ""),
        "whatsapp_business_account": account.override,
        "application": account.callback,
    }
    return {level: uri for level, uri in callbacks.items() if uri}


_FIELDS: dict[str, _Read] = {
    "verified_name": lambda _, __: "Sandbox",
    "code_verification_status": lambda _, __: "VERIFIED",
    "display_phone_number": lambda number, _: number.display,
    "quality_rating": lambda _, __: "GREEN",
    "status": lambda _, __: "CONNECTED",
    "name_status": lambda _, __: "APPROVED",
    "account_mode": lambda _, __: "SANDBOX",
    "platform_type": lambda _, __: "CLOUD_API",
    "throughput": lambda _, __: {"level": "STANDARD"},
    "whatsapp_business_manager_messaging_limit": lambda _, __: "TIER_250",
    "webhook_configuration": _callbacks,
    "health_status": lambda _, __: _HEALTH,
}


def number_node(number: Number, account: Account, fields: str) -> Json | Refusal:
    """Tell of a number what is asked for, and always its id."""
    names = _named(fields) or _USUAL
    for name in names:
        if name not in _FIELDS and name != "id":
            return _unknown(name)
    told = {name: _FIELDS[name](number, account) for name in names if name != "id"}
    return {**told, "id": number.id}


def _named(fields: str) -> Sequence[str]:
    return [name.strip() for name in fields.split(",") if name.strip()]


def _unknown(name: str) -> Refusal:
    message = (
        f"(#100) Tried accessing nonexisting field ({name[:80]}) on node type "
        "(WhatsAppBusinessPhoneNumber)"
    )
    return Refusal(INVALID, "", message=message)
