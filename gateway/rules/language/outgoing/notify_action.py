"""Action that notifies the operator of one event: by a post, or on a person's phone."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.core import messages
from gateway.core.forwards.forward import FORWARD
from gateway.core.messages import Body
from gateway.core.sending.notifications.notification import NOTIFY
from gateway.rules.language.outgoing.forwarding import Forwarded
from gateway.rules.language.refusals import refuse
from gateway.rules.language.template_values import ParameterValues, build_components
from gateway.rules.language.types import Language, Model, Sendable, TemplateName

_PHONE = re.compile(r"[0-9]{7,15}")
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")


def _phone(word: str) -> str:
    digits = re.sub(r"[\s().+-]", "", word)
    if not _PHONE.fullmatch(digits):
        refuse("must be a phone number with its country code, such as +351900000099")
    return digits


def _user_id(word: str) -> str:
    return word if _USER_ID.fullmatch(word) else refuse("must be a user id such as PT.1349128")


class StaffTemplate(Model):
    """Template that a person gets who has not written for 24 hours."""

    name: TemplateName = Field(description="The name under which Meta approved it.")
    language: Language = Field(description="The language of it, such as en or pt_BR.")
    values: ParameterValues = Field(
        default=None,
        description="Its parameters: those of the text in order or by name, or of each place.",
    )


class NotificationForm(Model):
    """Content of a notification, and the person whose phone gets it, if one does."""

    text: Sendable = Field(description="What is reported.")
    to: Annotated[str, AfterValidator(_phone)] | None = Field(
        default=None, description="The phone number that gets it on WhatsApp, instead of the post."
    )
    user_id: Annotated[str, AfterValidator(_user_id)] | None = Field(
        default=None,
        description="With `to`: Meta's user id of the same person, known if the number is hidden.",
    )
    forward: Forwarded | None = Field(
        default=None, description="The receiver under `forwards` that gets it, instead of the post."
    )
    template: StaffTemplate | None = Field(
        default=None, description="With `to`: what is sent once they have not written for 24 hours."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> "NotificationForm":
        if self.to and not self.template:
            refuse(
                "`to` needs a `template` beside it, since Meta accepts nothing else once that "
                "person has not written for 24 hours"
            )
        if self.template and not self.to:
            refuse("`template` is for a phone, so it needs `to` beside it")
        if self.forward and self.to:
            refuse("`forward` and `to` are two places: write two notifications")
        if self.user_id and not self.to:
            refuse("`user_id` is whose phone it is, so it needs `to` beside it")
        return self


def _form(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class NotifyAction(Model):
    """Notify the operator of this event, once, whatever else happens."""

    verb: ClassVar[str] = NOTIFY
    notify: Annotated[
        NotificationForm,
        BeforeValidator(_form, json_schema_input_type=Sendable | NotificationForm),
    ] = Field(description="The text, or a mapping.")

    def body(self) -> Body:
        """Return the text, and who gets it if not the operator's address; with placeholders.

        That is a receiver, or a phone with Meta's template.
        """
        form = self.notify
        if form.forward:
            return {NOTIFY: form.text, FORWARD: form.forward}
        if not (form.to and form.template):
            return {NOTIFY: form.text}
        parts = build_components(form.template.values)
        template = messages.template(form.template.name, form.template.language, parts)
        user_id = {"user_id": form.user_id} if form.user_id else {}
        return {NOTIFY: form.text, "to": form.to, **user_id, "template": template["template"]}
