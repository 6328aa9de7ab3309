"""Templates at Meta: listed, created, edited and deleted."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from gateway.accounts.account import GraphCredentials
from gateway.core.templates.graph_form import GRAPH_FIELDS
from gateway.graph.admin.errors import AnswerTooLargeError, SetupError
from gateway.graph.admin.request import Caller, Json
from gateway.graph.messages import appsecret_proof

# So many rows of a page; templates with many cards may make an answer of these too large.
PAGE, SMALL_PAGE = 100, 10
# An account has some 6,000 templates at most; a list beyond that goes in a circle.
MOST_ROWS = 20_000
CALL_S = 10.0


class TemplateClient:
    """Meta's templates of one account and token; not to be shared by threads.

    Every method raises SetupError.
    """

    def __init__(self, base_url: str, credentials: GraphCredentials) -> None:
        """Take the credentials of a number of the account."""
        token = credentials.token
        proof = appsecret_proof(credentials) if credentials.proof_secret else ""
        self._token = token
        self._caller = Caller(base_url, credentials.graph_version, CALL_S, (token,), proof)

    def close(self) -> None:
        """Close the connection."""
        self._caller.close()

    def pages(self, waba: str) -> Iterator[list[Json]]:
        """Yield the rows of all templates of an account, page by page.

        Raises SetupError also for a list without an end, since half of it is worse than none.
        """
        fields, limit, after, count = list(GRAPH_FIELDS), PAGE, "", 0
        while True:
            query = {"fields": ",".join(fields), "limit": str(limit)}
            query |= {"after": after} if after else {}
            try:
                answer = self._caller.call("GET", _path(waba), self._token, query=query)
            except AnswerTooLargeError:
                if limit == SMALL_PAGE:
                    raise
                limit = SMALL_PAGE
                continue
            except SetupError as error:
                if error.field not in fields:
                    raise
                fields.remove(error.field)
                continue
            rows = _rows(answer)
            count += len(rows)
            yield rows
            before, after = after, _next_cursor(answer)
            if not after:
                return
            if after == before or count > MOST_ROWS:
                raise SetupError("Meta's list of templates has no end, so it cannot be used.")

    def create(self, waba: str, form: Mapping[str, Any]) -> Json:
        """Create a template, which Meta then reviews; return its id and status."""
        return self._caller.call("POST", _path(waba), self._token, body=dict(form))

    def edit(self, template_id: str, form: Mapping[str, Any]) -> Json:
        """Change the components or the category of a template; Meta reviews it again."""
        path = quote(template_id, safe="")
        return self._caller.call("POST", path, self._token, body=dict(form))


def _path(waba: str) -> str:
    return f"{quote(waba, safe='')}/message_templates"


def _rows(answer: Json) -> list[Json]:
    data = answer.get("data")
    if not isinstance(data, list):
        raise SetupError("Meta's answer holds no list of templates.")
    return [one for one in data if isinstance(one, dict)]


def _next_cursor(answer: Json) -> str:
    paging = answer.get("paging")
    if not isinstance(paging, dict) or "next" not in paging:
        return ""
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else ""
    return after if isinstance(after, str) else ""
