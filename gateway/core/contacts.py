"""The customer as this number knows them."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.core.events import Message


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer of one number; `version` is the token of the last write, "" before the first."""

    key: str
    wa_id: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    last_inbound_at: datetime | None = None
    opted_out_at: datetime | None = None
    version: str = ""

    @property
    def is_new(self) -> bool:
        """Say whether the customer has never written to this number."""
        return self.last_inbound_at is None

    def after(self, message: Message) -> "Contact":
        """Return the contact as it is once `message` was received."""
        last = self.last_inbound_at
        return replace(
            self,
            wa_id=message.wa_id or self.wa_id,
            user_id=message.user_id or self.user_id,
            name=message.name or self.name,
            last_inbound_at=message.at if last is None else max(last, message.at),
        )
