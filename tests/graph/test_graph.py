"""The Graph client says what was asked, and classes each failure by what Meta may have received."""

import httpx
import orjson
import pytest
import respx

from gateway import __version__
from gateway.accounts.account import GraphCredentials
from gateway.core.sending.response import Answer, Lost, NotConnected, Responded
from gateway.graph.messages import Graph

URL = "https://graph.example/v25.0/123/messages"
TOKEN = "EAAsecret"
BODY = {"messaging_product": "whatsapp", "to": "+351900000001", "type": "text"}


PROOF = "f3a17775acfb490ea32c9ae6e106437aa59f12d29ac387240a19935426e519fb"
CREDENTIALS = GraphCredentials(TOKEN, "v25.0")


def a_graph(base_url: str = "https://graph.example") -> Graph:
    return Graph(base_url)


@respx.mock
def test_post_carries_token_agent_and_body() -> None:
    route = respx.post(URL).respond(200, content=b'{"messages":[{"id":"wamid.1"}]}')

    answer = a_graph("https://graph.example/").post_message("123", BODY, CREDENTIALS)

    request = route.calls.last.request
    assert answer == Responded(200, b'{"messages":[{"id":"wamid.1"}]}')
    assert request.headers["Authorization"] == "Bearer EAAsecret"
    assert request.headers["User-Agent"] == f"whatsapp-gateway/{__version__}"
    assert request.headers["Content-Type"] == "application/json"
    assert orjson.loads(request.content) == BODY


@respx.mock
def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    respx.post(URL).respond(307, headers={"Location": "https://elsewhere.example/"})
    elsewhere = respx.post("https://elsewhere.example/").respond(200)

    answer = a_graph().post_message("123", BODY, CREDENTIALS)

    assert answer == Responded(307, b"")
    assert not elsewhere.called


@respx.mock
def test_a_number_cannot_lead_to_another_path() -> None:
    route = respx.post(url__startswith="https://graph.example").respond(200)

    a_graph().post_message("1/../2?x=#", BODY, CREDENTIALS)

    assert route.calls.last.request.url.raw_path == b"/v25.0/1%2F..%2F2%3Fx%3D%23/messages"


FAILURES: dict[type[httpx.TransportError], Answer] = {
    httpx.ConnectError: NotConnected("ConnectError"),
    httpx.ConnectTimeout: NotConnected("ConnectTimeout"),
    httpx.PoolTimeout: NotConnected("PoolTimeout"),
    httpx.UnsupportedProtocol: NotConnected("misconfigured: UnsupportedProtocol"),
    httpx.LocalProtocolError: NotConnected("misconfigured: LocalProtocolError"),
    httpx.RemoteProtocolError: Lost("RemoteProtocolError"),
    httpx.ReadError: Lost("ReadError"),
    httpx.ReadTimeout: Lost("ReadTimeout"),
    httpx.WriteError: Lost("WriteError"),
    httpx.WriteTimeout: Lost("WriteTimeout"),
    httpx.ProxyError: NotConnected("ProxyError"),
    httpx.CloseError: Lost("CloseError"),
}


@pytest.mark.parametrize(
    ("error", "answer"), FAILURES.items(), ids=lambda one: getattr(one, "__name__", "")
)
@respx.mock
def test_each_failure_is_classed_by_what_meta_may_have_received(
    error: type[httpx.TransportError], answer: Answer
) -> None:
    respx.post(URL).mock(side_effect=error("Bearer EAAsecret"))

    assert a_graph().post_message("123", BODY, CREDENTIALS) == answer


def test_every_failure_that_httpx_knows_is_classed() -> None:
    def kinds(of: type[httpx.TransportError]) -> set[type[httpx.TransportError]]:
        return {of}.union(*map(kinds, of.__subclasses__()))

    assert {kind for kind in kinds(httpx.TransportError) if not kind.__subclasses__()} == set(
        FAILURES
    )


@pytest.mark.parametrize(
    ("base_url", "reason"),
    [
        ("graph.example", "misconfigured: UnsupportedProtocol"),
        ("ftp://graph.example", "misconfigured: UnsupportedProtocol"),
        ("https://graph.example:x", "misconfigured: InvalidURL"),
        ("http://127.0.0.1:99999", "ConnectError"),
        (f"http://{'a' * 64}.example", "ConnectError"),
    ],
)
def test_an_address_that_is_none_reaches_nobody(base_url: str, reason: str) -> None:
    answer = a_graph(base_url).post_message("123", BODY, CREDENTIALS)

    assert isinstance(answer, NotConnected)
    assert answer.reason.partition(": Connection")[0] == reason


@pytest.mark.parametrize("token", ["EAA\nX: y", "EAA secret", "EAAé", "EAA\x00"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_told(token: str) -> None:
    with pytest.raises(ValueError, match="no HTTP header can carry") as refused:
        GraphCredentials(token, "v25.0")

    assert "EAA" not in str(refused.value)


def test_the_token_is_not_in_the_repr() -> None:
    assert TOKEN not in repr(CREDENTIALS)


@respx.mock
def test_each_post_has_the_credentials_of_its_number() -> None:
    route = respx.post(url__startswith="https://graph.example").respond(200)
    graph = a_graph()

    graph.post_message("123", BODY, CREDENTIALS)
    graph.post_message("456", BODY, GraphCredentials("EAAother", "v24.0"))

    sent = [(call.request.url.path, call.request.headers["Authorization"]) for call in route.calls]
    assert sent == [
        ("/v25.0/123/messages", "Bearer EAAsecret"),
        ("/v24.0/456/messages", "Bearer EAAother"),
    ]


@respx.mock
def test_a_proof_of_the_app_secret_goes_with_the_token_where_the_app_demands_it() -> None:
    route = respx.post(url__startswith=URL).respond(200)

    a_graph().post_message("123", BODY, GraphCredentials(TOKEN, "v25.0", b"app secret"))

    # printf EAAsecret | openssl dgst -sha256 -hmac "app secret"
    assert route.calls.last.request.url.params["appsecret_proof"] == PROOF
