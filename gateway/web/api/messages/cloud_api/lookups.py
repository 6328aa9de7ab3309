"""What clients of Meta's form ask for at their start: our numbers, and the templates."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.accounts.account import Accounts, OwnNumber
from gateway.core.api.cloud_api.graph_error import UNAVAILABLE, GraphError, no_such_object
from gateway.core.api.keys import ApiKey
from gateway.core.templates.template import MetaTemplate
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import fetch_list
from gateway.web.api.json_body import json_response
from gateway.web.api.server.graph_errors import CloudApiError

FETCH_WAIT_S = 10.0  # for a list that another process fetches already
# Filters of Meta's by which a template is left out: the parameter, and the field that it compares.
_FILTERS = ("name", "language", "status", "category")


@dataclass(frozen=True, slots=True)
class CloudLookups:
    """Answers from the accounts and the registry of templates."""

    store: Store
    accounts: Callable[[], Accounts]
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    graph_url: str
    # A list that was never fetched takes a while, and other requests have threads of their own.
    fetching: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, "cloud-api-templates")
    )

    async def show_number(self, request: Request) -> Response:
        """Answer with one of our numbers."""
        id_, key = request.path_params["node"], request.state.key
        number = self.accounts().number(id_)
        if number is None or not key.may_use(id_) or id_ not in await self.read_numbers():
            raise CloudApiError(no_such_object("get"))
        return json_response(_number_node(number))

    async def list_numbers(self, request: Request) -> Response:
        """Answer with the numbers of a WhatsApp account, all on one page."""
        numbers = self._numbers_of(request)
        return json_response(_page([_number_node(one) for one in numbers]))

    async def list_templates(self, request: Request) -> Response:
        """Answer with the templates of a WhatsApp account, all on one page.

        A list that is not known yet is fetched from Meta; an empty one is answered only if Meta's
        is empty.
        """
        number = self._numbers_of(request)[0]
        loop = asyncio.get_running_loop()
        templates = await loop.run_in_executor(self.fetching, self._read_templates, number)
        wanted = {name: request.query_params.get(name, "") for name in _FILTERS}
        rows = [_template_row(one) for one in templates]
        shown = [row for row in rows if all(not word or row[name] == word for name, word in
                                            wanted.items())]  # fmt: skip
        return json_response(_page(shown))

    def _numbers_of(self, request: Request) -> Sequence[OwnNumber]:
        """Return the numbers of a WhatsApp account that the key may see. Raises CloudApiError."""
        waba = request.path_params["node"]
        key: ApiKey = request.state.key
        own = [number for account in self.accounts() for number in account.numbers]
        found = [one for one in own if one.waba == waba and key.may_use(one.id)]
        if not found:
            raise CloudApiError(no_such_object("get"))
        return found

    def _read_templates(self, number: OwnNumber) -> Sequence[MetaTemplate]:
        """Return what is known of the templates. Raises CloudApiError where nothing is."""
        registry = TemplateRegistry(self.store, number.waba)
        state, _ = registry.read_state()
        if not state.is_filled:
            args = (self.store, self.graph_url, number.waba, number.credentials)
            result = fetch_list(*args, wait_s=FETCH_WAIT_S)
            state = result.state
            if state.fetched_at is None:
                details = f"The templates could not be fetched from Meta. {result.error}".strip()
                raise CloudApiError(GraphError(UNAVAILABLE, details), {"retry-after": "60"})
        return registry.read(sorted(registry.read_words()), state)


def _number_node(number: OwnNumber) -> dict[str, Any]:
    """Return what the accounts say of a number; nothing else is made up."""
    phone = {"display_phone_number": f"+{number.phone}"} if number.phone else {}
    return {**phone, "id": number.id}


def _template_row(template: MetaTemplate) -> dict[str, Any]:
    """Return a template as Meta's list has it."""
    return {
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "parameter_format": "NAMED" if template.is_named else "POSITIONAL",
        "components": list(template.components or ()),
        "quality_score": {"score": template.quality or "UNKNOWN"},
        "id": template.id,
    }


def _page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a page that none follows; Meta's `next` would repeat the key that the client gave."""
    return {"data": rows, "paging": {"cursors": {"before": "0", "after": str(len(rows))}}}
