"""Actions that send a text with one button: to a web page, into a flow, for a location."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator

from gateway.core import messages
from gateway.core.messages import Body, FlowStart, length_limits
from gateway.rules.language.raw_messages import TypedValues
from gateway.rules.language.refusals import refuse
from gateway.rules.language.send_actions import Footer, FreeForm, Header
from gateway.rules.language.types import Limited

_WEB_ADDRESS = re.compile(r"https?://[^\s/]\S*")


def _web_address(word: str) -> str:
    if "{{" not in word and not _WEB_ADDRESS.fullmatch(word):
        refuse("must be the address of a web page, such as https://example.com/track")
    return word


WebAddress = Annotated[str, Limited(length_limits.TEXT), AfterValidator(_web_address)]
ShortText = Annotated[str, Limited(length_limits.BUTTONS_TEXT)]
FlowName = Annotated[str, Limited(length_limits.FLOW_NAME)]


class SendCtaUrl(FreeForm):
    """Send a text with a button that opens a web page."""

    verb: ClassVar[str] = "send_cta_url"
    send_cta_url: ShortText = Field(description="The text.")
    button: Annotated[str, Limited(length_limits.URL_BUTTON)] = Field(
        description="What the button says."
    )
    url: WebAddress = Field(description="The page that it opens.")
    header: Header = Field(default="", description="A line above the text.")
    footer: Footer = Field(default="", description="A line below the text.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.cta_url(self.send_cta_url, self.button, self.url, self.header, self.footer)


class SendLocationRequest(FreeForm):
    """Send a text with a button by which the customer sends a location."""

    verb: ClassVar[str] = "send_location_request"
    send_location_request: ShortText = Field(description="The text.")

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        return messages.location_request(self.send_location_request)


class SendFlow(FreeForm):
    """Send a text with a button that opens a flow."""

    verb: ClassVar[str] = "send_flow"
    send_flow: ShortText = Field(description="The text.")
    button: Annotated[str, Limited(length_limits.FLOW_BUTTON)] = Field(
        description="What the button says."
    )
    flow: FlowName = Field(
        description="The flow: Meta's id of it, which has digits only, or its name."
    )
    screen: FlowName = Field(
        default="", description="Its first screen; without it the flow's endpoint names one."
    )
    data: TypedValues = Field(default={}, description="What the first screen gets, by name.")
    token: FlowName = Field(default="", description="A token, which comes back with the answer.")
    draft: bool = Field(default=False, description="The flow is not published yet.")
    header: Header = Field(default="", description="A line above the text.")
    footer: Footer = Field(default="", description="A line below the text.")

    @model_validator(mode="after")
    def _names_screen(self) -> "SendFlow":
        return (
            refuse("data needs a screen, which gets it") if self.data and not self.screen else self
        )

    def body(self) -> Body:
        """Build Meta's body, placeholders included."""
        data: dict[str, Any] = self.data
        start = FlowStart(self.flow, self.screen, data, self.token, self.draft)
        return messages.flow(self.send_flow, self.button, start, self.header, self.footer)
