"""Recipient of a message, as a client of the API names them: a phone number or a user id."""

import re
from typing import NamedTuple

import phonenumbers

from gateway.core.api.field_errors import FieldReader
from gateway.core.contacts.contact import Contact
from gateway.core.webhook.phone_numbers import contact_key

_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")
_PHONE = re.compile(r"\+?[0-9][0-9\s().-]{5,30}")
FORMS = 'a phone number with its country code, such as +351912345678, or {"user_id": "…"}'


class Recipient(NamedTuple):
    """A phone number as Meta writes it, without a plus sign, or a user id; the other is ""."""

    wa_id: str
    user_id: str = ""

    @property
    def name(self) -> str:
        """Return the name under which the store finds the contact."""
        return contact_key(self.wa_id, self.user_id)


def read_recipient(reader: FieldReader, name: str) -> Recipient | None:
    """Return the recipient in a field; None, and a note, where it names nobody.

    A phone number must be possible, as its length is; it need not be valid, since Meta's test
    numbers are not.
    """
    match reader.fields.get(name):
        case None:
            reader.add(name, f"is missing: {FORMS}")
        case str(text):
            if wa_id := parse_phone(text):
                return Recipient(wa_id)
            reader.add(name, f"is no possible phone number: write {FORMS}")
        case {"user_id": str(user_id), **rest} if not rest and _USER_ID.fullmatch(user_id):
            return Recipient("", user_id)
        case _:
            reader.add(name, f"must be {FORMS}")
    return None


def parse_phone(text: str) -> str:
    """Return the digits of an international phone number, "" if the text is none."""
    text = text.strip()
    if not _PHONE.fullmatch(text):
        return ""
    digits = re.sub(r"[\s().-]", "", text)
    international = digits if digits.startswith("+") else f"+{digits.removeprefix('00')}"
    try:
        number = phonenumbers.parse(international)
    except phonenumbers.NumberParseException:
        return ""
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    form = phonenumbers.PhoneNumberFormat.E164
    return phonenumbers.format_number(number, form).removeprefix("+")


def address_to(contact: Contact, recipient: Recipient) -> tuple[str, str]:
    """Return phone number and user id to write to: as Meta wrote them last, else as given."""
    if contact.wa_id or contact.user_id:
        return contact.wa_id, contact.user_id
    return recipient
