"""Who gets the webhooks: the app's callback, those set instead of it, and who is subscribed.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/override
"""

from dataclasses import dataclass, field

from gateway.sandbox.config import Config
from gateway.sandbox.wire import Json

# Of what this sandbox tells, only messages and statuses may go elsewhere than to the app.
_OVERRIDABLE = frozenset({"messages"})
FIELDS = ("messages", "user_preferences", "phone_number_quality_update")


@dataclass(slots=True)
class Account:
    """How the app and its WhatsApp account are set up; "" is no callback."""

    callback: str
    fields: tuple[str, ...] = FIELDS
    subscribed: bool = True
    override: str = ""
    number_overrides: dict[str, str] = field(default_factory=dict)
    other_apps: dict[str, str] = field(default_factory=dict)  # Id to name.

    @classmethod
    def of(cls, config: Config) -> "Account":
        """Make one that is set up wholly, so that nobody who only plays has to do it."""
        return cls(config.webhook_url)

    @property
    def listens(self) -> bool:
        """Tell whether the app is one whose callback may be overridden."""
        return self.subscribed and bool(self.callback) and "messages" in self.fields

    def uri_for(self, change: Json) -> str:
        """Give where a change is posted just now, "" for nowhere."""
        if not self.subscribed or change["field"] not in self.fields:
            return ""
        if change["field"] in _OVERRIDABLE:
            number = change["value"].get("metadata", {}).get("phone_number_id", "")
            return self.number_overrides.get(number) or self.override or self.callback
        return self.callback

    def show(self) -> Json:
        """Give all of it."""
        return {
            "callback": self.callback,
            "fields": list(self.fields),
            "subscribed": self.subscribed,
            "override": self.override,
            "number_overrides": self.number_overrides,
            "other_apps": self.other_apps,
        }
