"""Recipient of a message, as a client of the API names them: a phone number or a user id."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

import phonenumbers

from gateway.core.api.field_errors import FieldReader
from gateway.core.contacts.contact import Contact
from gateway.core.webhook.numbering_plans import is_surely_possible
from gateway.core.webhook.phone_numbers import contact_key, normalize_phone

# Meta's example is base64; nothing is said of its length.
_GROUP_ID = re.compile(r"[A-Za-z][A-Za-z0-9+/=_-]{9,199}")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")
_PHONE = re.compile(r"\+?[0-9][0-9\s().-]{5,30}")
_NATIONAL_PHONE = re.compile(r"\(?[0-9][0-9\s()./-]{3,30}")
_SIGNS = re.compile(r"[\s()./-]")
_IMPOSSIBLE = "is no possible phone number"
FORMS = 'a phone number with its country code, such as +351912345678, or {"user_id": "…"}'
_NO_COUNTRY = "one without it is read where the accounts file gives the account a `country`"


class Recipient(NamedTuple):
    """A phone number as Meta writes it, without a plus sign, a user id, or a group; others ""."""

    wa_id: str
    user_id: str = ""
    group_id: str = ""

    @property
    def name(self) -> str:
        """Return the name under which the store finds the contact."""
        return self.group_id or contact_key(self.wa_id, self.user_id)


def recipient_of(name: str) -> Recipient:
    """Return the recipient whom the digits of a phone number name, or a user id."""
    return Recipient("", name) if is_user_id(name) else Recipient(name)


def write_recipient(recipient: Recipient) -> str | dict[str, str]:
    """Return a recipient as a client names it, without a country that has to be known."""
    if recipient.group_id:
        return {"group_id": recipient.group_id}
    return {"user_id": recipient.user_id} if recipient.user_id else f"+{recipient.wa_id}"


def name_group(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a request with its group in our form; Meta's has the id as `to`, beside a type."""
    match fields:
        case {"recipient_type": "group", "to": str(group_id), **others}:
            return {**others, "to": {"group_id": group_id}}
        case _:
            return fields


def read_recipient(reader: FieldReader, name: str, country: str = "") -> Recipient | None:
    """Return the recipient in a field; None, and a note, where it names nobody.

    A phone number must be possible, as its length is; it need not be valid, since Meta's test
    numbers are not. With a `country`, two letters by ISO 3166-1, it may be a national number.
    """
    match reader.fields.get(name):
        case None:
            reader.add(name, f"is missing: {FORMS}")
        case str(text):
            return _read_phone(reader, name, text, country)
        case {"user_id": str(user_id), **rest} if not rest and is_user_id(user_id):
            return Recipient("", user_id)
        case {"group_id": str(group_id), **rest} if not rest and _GROUP_ID.fullmatch(group_id):
            return Recipient("", group_id=group_id)
        case _:
            reader.add(name, f"must be {FORMS}")
    return None


def _read_phone(reader: FieldReader, name: str, text: str, country: str) -> Recipient | None:
    """Return whom a phone number names; an international reading goes before a national one."""
    international = parse_phone(text)
    national = parse_national_phone(text, country) if country else ""
    if international and _is_rather_national(international, national):
        reader.add(name, f"may also be a number of {country}: begin with + and the country code")
        return None
    if wa_id := international or national:
        return Recipient(wa_id)
    problem = f"is no possible phone number, nor one of {country}" if country else _IMPOSSIBLE
    hint = "" if country else f"; {_NO_COUNTRY}"
    reader.add(name, f"{problem}: write {FORMS}{hint}")
    return None


def parse_phone(text: str) -> str:
    """Return the digits of an international phone number, "" if the text is none.

    Of a number that Meta writes in two ways both are numbers, and stay as they are given.
    """
    text = strip_invisible(text)
    if not _PHONE.fullmatch(text):
        return ""
    digits = _SIGNS.sub("", text)
    digits = digits[1:] if digits.startswith("+") else digits.removeprefix("00")
    if is_surely_possible(digits):
        return digits
    if number := _parse(f"+{digits}"):
        return _format(number)
    # phonenumbers does not know the digit that Meta still writes in numbers of Mexico.
    shorter = normalize_phone(digits)
    return digits if shorter != digits and is_surely_possible(shorter) else ""


def strip_invisible(text: str) -> str:
    """Return a text without blanks around it, and without what nobody sees in it.

    Phones and web pages put direction marks and the like around a number that is copied.
    """
    if not text.isascii():
        text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return text.strip()


def parse_national_phone(text: str, country: str) -> str:
    """Return the digits, country code first, of a number as it is written in a country.

    "" for a text that is none, or that begins with + or 00, as only an international number does.
    """
    text = strip_invisible(text)
    if not _NATIONAL_PHONE.fullmatch(text) or text.startswith("00"):
        return ""
    number = _parse(_SIGNS.sub("", text), country)
    return _format(number) if number else ""


def _is_rather_national(international: str, national: str) -> bool:
    """Say whether digits without a plus sign are more likely a number of the country.

    That is so where the national number is valid and the international one is only possible.
    """
    if not national or national == international:
        return False
    return not _is_valid(international) and _is_valid(national)


def _is_valid(digits: str) -> bool:
    forms = {digits, normalize_phone(digits)}
    return any(phonenumbers.is_valid_number(phonenumbers.parse(f"+{form}")) for form in forms)


def _parse(text: str, country: str | None = None) -> phonenumbers.PhoneNumber | None:
    """Return the phone number in a text, None where it has an impossible length."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    return number if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


def _format(number: phonenumbers.PhoneNumber) -> str:
    form = phonenumbers.PhoneNumberFormat.E164
    return phonenumbers.format_number(number, form).removeprefix("+")


def is_user_id(text: str) -> bool:
    """Say whether a text may be Meta's id of a user, such as PT.1349128."""
    return _USER_ID.fullmatch(text) is not None


def read_contact_name(text: str) -> str:
    """Return the name of a contact in an address, a phone number or a user id; "" for neither."""
    text = text.strip()
    if is_user_id(text):
        return text
    # Digits are taken as Meta writes them, since a webhook may name a number that is impossible.
    digits = text if text.isascii() and text.isdigit() and len(text) in range(7, 16) else ""
    return contact_key(parse_phone(text) or digits)


def address_to(contact: Contact, recipient: Recipient) -> Recipient:
    """Return phone number and user id to write to: as Meta wrote them last, else as given."""
    if contact.wa_id or contact.user_id:
        return Recipient(contact.wa_id, contact.user_id)
    return recipient
