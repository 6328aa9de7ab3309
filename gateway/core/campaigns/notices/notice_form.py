"""Form of a campaign's notice: where it goes once the campaign has ended, or paused by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.api.field_errors import FieldReader
from gateway.core.api.message_content import read_template
from gateway.core.api.recipient import parse_phone
from gateway.core.forwards.receiver import RECEIVER_NAME
from gateway.core.messages.message_template import fill, names_in_body, prepare
from gateway.core.messages.placeholders import PlaceholderError

VALUES = ("campaign", "phase", "why", "written", "failed", "total")
_EXAMPLE = '{"post": true}, {"forward": "crm"} or {"to": "+351…", "template": {…}}'


@dataclass(frozen=True, slots=True)
class NoticeForm:
    """To whom a campaign's notice goes; the alert is for the operator as all alerts are."""

    alerts: bool = True
    posts: bool = False  # to GATEWAY_NOTIFY_URL
    forward: str = ""  # the receiver of forwards that gets it
    to: str = field(default="", repr=False)  # digits of a phone that gets it on WhatsApp
    template: Mapping[str, Any] = field(default_factory=dict)  # where its window is closed

    def fill_template(self, values: Mapping[str, str]) -> Any:
        """Return the template with what its placeholders stand for."""
        return fill(prepare(self.template), lambda name: values.get(name, ""))


def read_notice_form(reader: FieldReader, name: str) -> NoticeForm:
    """Return where notices go, and note what is wrong with it."""
    given = reader.fields.get(name)
    if given is None:
        return NoticeForm()
    if not isinstance(given, Mapping):
        reader.add(name, f"must be an object such as {_EXAMPLE}")
        return NoticeForm()
    inner = FieldReader(given, f"{reader.pointer}/{name}", reader.errors)
    inner.refuse_unknown(frozenset({"alert", "post", "forward", "to", "template"}))
    alerts = given.get("alert") is None or inner.flag("alert")
    posts, to = inner.flag("post"), _read_phone(inner)
    if bool(to) != ("template" in given) and not inner.errors:
        inner.add("template", "and `to` need each other: Meta takes no text outside the window")
    template = _read_form_template(inner) if to else {}
    return NoticeForm(alerts, posts, _read_receiver(inner), to, template)


def write_notice_form(form: NoticeForm) -> dict[str, Any]:
    """Return the form as a client writes it."""
    phone = {"to": f"+{form.to}", "template": dict(form.template)} if form.to else {}
    forward = {"forward": form.forward} if form.forward else {}
    return {"alert": form.alerts, "post": form.posts, **forward, **phone}


def _read_receiver(reader: FieldReader) -> str:
    name = reader.text("forward", 32)
    if name and not RECEIVER_NAME.fullmatch(name):
        reader.add(
            "forward", "must be the name of a receiver of forwards in the rules, such as crm"
        )
    return name


def _read_phone(reader: FieldReader) -> str:
    text = reader.text("to", 64)
    phone = parse_phone(text) if text else ""
    if text and not phone:
        reader.add("to", "must be a phone number with its country code, such as +351900000099")
    return phone


def _read_form_template(reader: FieldReader) -> Mapping[str, Any]:
    """Return the template as it was given, once it is known to be one with known placeholders."""
    if read_template(reader, "template") is None:
        return {}
    template: Mapping[str, Any] = reader.fields["template"]
    try:
        names = names_in_body(template)
    except PlaceholderError as error:
        reader.add("template", f"has a placeholder that cannot be used: {error}")
        return {}
    if names - {*VALUES}:
        reader.add("template", f"may have {', '.join(VALUES)} as placeholders, and no other")
    return template
