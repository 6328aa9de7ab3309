"""Drawn messages: each kind shows what the chat shows, and no text becomes markup."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.messages.rendering import ChatMessage, render_chat, render_message, render_page
from gateway.core.messages.rendering.formatting import format_text
from gateway.core.messages.rendering.renderer import read_content
from tests.support.sandbox.interactive_examples import EXAMPLES, card, carousel

TAGS = {"div", "span", "bdi", "p", "a"}
ATTRIBUTES = {"class", "dir", "href", "rel", "title", "aria-hidden"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><b onmouseover="x">',
    "' onclick='x",
    "&lt;b&gt;&#60;b&#62;",
    "{{ 7 * 7 }}{% raw %}",
    "]]><![CDATA[",
    "<!--",
    "\u202eevil\u2066",
    "\x00\x08\x1b[31m",
    "\ud800",
    "*_~`*<b>*`~_*",
    "https://a.example/\"onclick='x'",
    "https://<b>",
    "javascript:alert(1)",
    "http://a.example",
]
TEXTS = st.text() | st.sampled_from(HOSTILE) | st.lists(st.sampled_from(HOSTILE)).map(" ".join)


def elements(markup: str) -> list[ET.Element]:
    """Return the elements of a bubble, which must be well-formed."""
    return list(ET.fromstring(markup).iter())


def shown(markup: str) -> str:
    """Return what is read in a bubble."""
    return " ".join(text for text in ET.fromstring(markup).itertext() if text.strip())


def structure(markup: str) -> list[tuple[str, str]]:
    # A button is a link only where its address may be followed.
    names = {"a": "div"}
    return [(names.get(one.tag, one.tag), one.get("class", "")) for one in elements(markup)]


class Tags(HTMLParser):
    """Reads markup as a browser does, and notes each tag."""

    def __init__(self) -> None:
        """Start with no tags."""
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.seen.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        """Note a comment, of which there is none."""
        self.seen.append(("comment", {}))

    def handle_decl(self, decl: str) -> None:
        """Note a declaration, of which there is none."""
        self.seen.append(("declaration", {}))


def wrong_markup(markup: str) -> list[Any]:
    """Return the tags that no page of the renderer has."""
    parser = Tags()
    parser.feed(markup)
    parser.close()
    return [
        (tag, attributes)
        for tag, attributes in parser.seen
        if tag not in TAGS
        or not attributes.keys() <= ATTRIBUTES
        or not (attributes.get("href") or "https://").startswith("https://")
    ]


def text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


def interactive(**inner: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": inner}


DEFINITION = {
    "components": [
        {"type": "HEADER", "format": "TEXT", "text": "Hello {{1}}"},
        {"type": "BODY", "text": "Order {{1}} is *ready*, {{2}}."},
        {"type": "FOOTER", "text": "Paint and Sons"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "Follow it", "url": "https://a.example/{{1}}"},
                {"type": "QUICK_REPLY", "text": "Thanks"},
                {"type": "COPY_CODE"},
            ],
        },
    ]
}


def template(*components: dict[str, Any], **more: Any) -> ChatMessage:
    inner = {"name": "order_ready", "language": {"code": "en"}, "components": list(components)}
    return ChatMessage({"type": "template", "template": inner}, **more)


def values(kind: str, *said: str, **more: Any) -> dict[str, Any]:
    parameters = [{"type": "text", "text": one} for one in said]
    return {"type": kind, "parameters": parameters, **more}


def messages_with(said: str) -> Iterator[ChatMessage]:
    """Yield messages of all kinds that say a text wherever they can."""
    bodies: list[dict[str, Any]] = [
        text(said),
        {"type": said},
        {"type": "image", "image": {"link": said, "caption": said}},
        {"type": "document", "document": {"id": said, "caption": said, "filename": said}},
        {
            "type": "location",
            "location": dict.fromkeys(("latitude", "longitude", "name", "address"), said),
        },
        {
            "type": "contacts",
            "contacts": [
                {"name": {"formatted_name": said}, "phones": [{"phone": said}]},
                {"name": {}, "org": {"company": said}, "urls": [{"url": said}]},
            ],
        },
        {"type": "reaction", "reaction": {"emoji": said}},
        {"type": "button", "button": {"text": said}},
        {
            "type": "order",
            "order": {
                "text": said,
                "product_items": [
                    dict.fromkeys(
                        ("product_retailer_id", "quantity", "item_price", "currency"), said
                    )
                ],
            },
        },
        {"type": "system", "system": {"body": said}},
        {"type": "unsupported", "errors": [{"title": said}]},
        interactive(
            type="button",
            header={"type": "text", "text": said},
            body={"text": said},
            footer={"text": said},
            action={"buttons": [{"reply": {"id": said, "title": said}}]},
        ),
        interactive(
            type="list",
            body={"text": said},
            action={
                "button": said,
                "sections": [{"title": said, "rows": [{"title": said, "description": said}]}],
            },
        ),
        interactive(
            type="cta_url",
            header={"type": "document", "document": {"filename": said}},
            action={"parameters": {"display_text": said, "url": said}},
        ),
        interactive(type="flow", action={"parameters": {"flow_cta": said}}),
        interactive(type="product", action={"product_retailer_id": said}),
        interactive(
            type="product_list",
            action={
                "sections": [{"title": said, "product_items": [{"product_retailer_id": said}]}]
            },
        ),
        interactive(type=said, action={"name": said}),
        interactive(type="button_reply", button_reply={"title": said}),
        interactive(type="list_reply", list_reply={"title": said, "description": said}),
        interactive(type="nfm_reply", nfm_reply={"body": said, "response_json": said}),
        interactive(
            **carousel(card(0, body={"text": said}), card(1, action={"parameters": {"url": said}}))
        ),
    ]
    for body in bodies:
        yield ChatMessage(body)
        yield ChatMessage(body, is_ours=False, author=said, time=said, stage=said)
    button = {"type": "button", "index": 0, "parameters": [{"type": "text", "text": said}]}
    sent = values("header", said), values("body", said, said), button
    yield template(*sent, quoted=ChatMessage(text(said), author=said), reactions=(said,))
    yield template(*sent, template=DEFINITION)
    yield template(template={"components": [{"type": "BODY", "text": said}]})
    yield template(
        template={
            "components": [
                {"type": "HEADER", "format": said, "text": said},
                {"type": "FOOTER", "text": said},
                {"type": "BUTTONS", "buttons": [{"type": said, "text": said, "url": said}]},
            ]
        }
    )


@given(TEXTS)
def test_no_text_becomes_markup(said: str) -> None:
    markup = render_chat(list(messages_with(said)))

    assert wrong_markup(markup) == []
    ET.fromstring(markup)  # is well-formed


@pytest.mark.parametrize("said", [said for said in HOSTILE if not set(said) & set("*_~`")])
def test_hostile_text_changes_nothing_around_it(said: str) -> None:
    if said.startswith("https://"):
        return
    for strange, usual in zip(messages_with(said), messages_with("word"), strict=True):
        if usual.stage or "word" in (usual.body.get("type"), text_type(usual)):
            continue
        assert structure(render_message(strange)) == structure(render_message(usual))


def text_type(message: ChatMessage) -> Any:
    return message.body.get("interactive", {}).get("type")


NAMES = [
    "type", "interactive", "action", "buttons", "sections", "rows", "cards", "body", "text",
    "header", "footer", "components", "parameters", "template", "contacts", "name", "phones",
    "format", "url", "index", "location", "response_json",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
KINDS = ["text", "image", "location", "contacts", "reaction", "order", "template", "interactive"]


@given(
    st.dictionaries(st.sampled_from(KINDS), JSON), st.sampled_from(KINDS), st.sampled_from(
        ["button", "list", "carousel", "cta_url", "flow", "nfm_reply"]
    ), JSON,
)  # fmt: skip
def test_any_form_is_drawn(body: dict[str, Any], kind: str, inner: str, definition: Any) -> None:
    if isinstance(content := body.get("interactive"), dict):
        content["type"] = inner
    drawn = ChatMessage(body | {"type": kind}, template={"components": definition})

    assert wrong_markup(render_message(drawn)) == []


def test_a_text_of_ten_thousand_marks_is_read_in_one_go() -> None:
    for marks in (
        "*a " * 20_000,
        "*_~" * 20_000,
        "`" * 60_000,
        "```a" * 15_001,
        "https://" * 8_000,
    ):
        assert format_text(marks)


def runs(said: str) -> list[tuple[str, str]]:
    """Return the runs of a text on one line, each with its styles."""
    return [(run.text, "+".join(sorted(run.styles))) for line in format_text(said) for run in line]


@pytest.mark.parametrize(
    ("said", "looks"),
    [
        ("plain", [("plain", "")]),
        ("a *b* c", [("a ", ""), ("b", "bold"), (" c", "")]),
        ("_a_ ~b~", [("a", "italic"), (" ", ""), ("b", "struck")]),
        ("*a _b_*", [("a ", "bold"), ("b", "bold+italic")]),
        ("*a _b* c_", [("a _b", "bold"), (" c_", "")]),
        ("2*3*4", [("2*3*4", "")]),
        ("* a *", [("* a *", "")]),
        ("**", [("**", "")]),
        ("*open", [("*open", "")]),
        ("*a\nb*", [("*a", ""), ("b*", "")]),
        ("`a *b*`", [("a *b*", "code")]),
        ("```a\n*b*```", [("a", "code"), ("*b*", "code")]),
        ("snake_case_name", [("snake_case_name", "")]),
        ("(*a*)", [("(", ""), ("a", "bold"), (")", "")]),
    ],
)
def test_text_looks_as_in_the_chat(said: str, looks: list[tuple[str, str]]) -> None:
    assert runs(said) == looks


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("see https://a.example/b_c_d.", "https://a.example/b_c_d"),
        ("*https://a.example*", "https://a.example"),
        ("(https://a.example/b)", "https://a.example/b"),
        ("http://a.example", ""),
        ("javascript://a.example", ""),
        ("https://", ""),
        ("`https://a.example`", ""),
        ("https://a.example\u202e/gpj.exe", "https://a.example"),
    ],
)
def test_only_secure_addresses_are_links(said: str, address: str) -> None:
    links = [run.address for line in format_text(said) for run in line if run.address]

    assert links == ([address] if address else [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "audio", "audio": {"id": "1", "voice": True}}, "Voice message"),
        ({"type": "document", "document": {"id": "1", "filename": "a.pdf"}}, "a.pdf"),
        ({"type": "location", "location": {"latitude": 1.5, "longitude": -2}}, "1.5, -2"),
        ({"type": "reaction", "reaction": {"emoji": ""}}, "Reaction taken back"),
        ({"type": "poll"}, "Message of the type poll"),
        ({"type": "unsupported", "errors": [{"title": "Unknown"}]}, "unsupported: Unknown"),
        ({"type": "revoke", "revoke": {}}, "Message deleted"),
        (
            interactive(
                type="nfm_reply",
                nfm_reply={"body": "Sent", "response_json": '{"room":"hall","flow_token":"t"}'},
            ),
            "Sent room hall",
        ),
        (interactive(type="nfm_reply", nfm_reply={"response_json": "[1]"}), "Flow answered"),
        ({"type": "interactive", "interactive": EXAMPLES["address"]}, "Provide address"),
        (interactive(type="location_request_message", body={"text": "Where?"}), "Send location"),
    ],
)
def test_what_a_message_shows(body: dict[str, Any], words: str) -> None:
    assert words in shown(render_message(ChatMessage(body)))


def test_a_template_is_filled_with_the_values_of_the_message() -> None:
    button = {"type": "button", "sub_type": "url", "index": "0",
              "parameters": [{"type": "text", "text": "17"}]}  # fmt: skip
    money = {"type": "currency", "currency": {"fallback_value": "5 €"}}
    body = values("body", "17") | {"parameters": [{"type": "text", "text": "17"}, money]}

    content = read_content(template(values("header", "Ana"), body, button, template=DEFINITION))

    assert content.header[0][0].text == "Hello Ana"
    assert "".join(run.text for run in content.text[0]) == "Order 17 is ready, 5 €."
    assert [one.label for one in content.buttons] == ["Follow it", "Thanks", "Copy offer code"]
    assert content.buttons[0].address == "https://a.example/17"


def test_a_value_is_not_looked_through_for_placeholders() -> None:
    content = read_content(template(values("body", "{{2}}", "x"), template=DEFINITION))

    assert "".join(run.text for run in content.text[0]) == "Order {{2}} is ready, x."


def test_a_placeholder_without_a_value_stays() -> None:
    content = read_content(template(template=DEFINITION))

    assert content.header[0][0].text == "Hello {{1}}"


def test_values_are_found_by_name() -> None:
    named = {"type": "text", "parameter_name": "who", "text": "Ana"}
    body = {"type": "body", "parameters": [named]}
    definition = {"components": [{"type": "BODY", "text": "Hi {{who}} and {{ who }}"}]}

    assert "Hi Ana and Ana" in shown(render_message(template(body, template=definition)))


def test_a_template_without_its_definition_shows_name_and_values() -> None:
    words = shown(render_message(template(values("body", "17"))))

    assert words == "Template order_ready (en) body 1 17"


def test_cards_of_a_template_are_filled_each_with_its_own_values() -> None:
    cards = [{"components": [{"type": "BODY", "text": "Colour {{1}}"}]} for _ in range(2)]
    sent = [{"card_index": n, "components": [values("body", said)]} for n, said in enumerate("ab")]
    drawn = template(
        {"type": "carousel", "cards": sent},
        template={"components": [{"type": "CAROUSEL", "cards": cards}]},
    )

    assert shown(render_message(drawn)) == "Colour a Colour b"


@pytest.mark.parametrize(
    ("stage", "ticks"),
    [("queued", "◷"), ("accepted", "✓"), ("delivered", "✓✓"), ("read", "✓✓"), ("failed", "!")],
)
def test_ticks_of_our_messages(stage: str, ticks: str) -> None:
    assert ticks in shown(render_message(ChatMessage(text("a"), stage=stage)))
    assert ticks not in shown(render_message(ChatMessage(text("a"), stage=stage, is_ours=False)))


def test_a_quote_shows_the_first_lines_of_a_message() -> None:
    quoted = ChatMessage(text("1\n2\n3\n4"), is_ours=False, author="Ana")

    assert shown(render_message(ChatMessage(text("a"), quoted=quoted))) == "Ana 1 2 3 a"


def test_a_page_has_no_script_and_fetches_nothing() -> None:
    page = render_page([ChatMessage(text("<b>"))], "<title>")

    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "&lt;title&gt;" in page
    assert "url(" not in page
