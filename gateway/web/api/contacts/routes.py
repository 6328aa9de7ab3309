"""Addresses of contacts: what each number knows of a customer, and changes of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.contact_request import ContactPatch, apply_patch, read_patch
from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import ApiKey
from gateway.core.api.recipient import read_contact_name
from gateway.core.contacts.contact import Contact
from gateway.store.planning.changed_contact import change_contact, find_known
from gateway.store.redis.client import Store
from gateway.web.api.contacts.descriptions import CHANGE, LISTS, SHOW
from gateway.web.api.contacts.lists import CONTACTS, ContactLists
from gateway.web.api.contacts.view import view_contact
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query

ONE = f"{CONTACTS}/{{id}}"
_UNKNOWN = "None of the numbers that the key may see knows this customer."


@dataclass(frozen=True, slots=True)
class ContactRoutes:
    """Shows and changes contacts; each of our numbers knows a customer by itself."""

    store: Store
    read_numbers: Callable[[], Awaitable[Sequence[str]]]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["contacts"])
        lists = LISTS | {"summary": "List customers that a person answers, or those with a tag"}
        router.add_api_route(
            CONTACTS, ContactLists(self.store, self.read_numbers).answer, methods=["GET"], **lists
        )
        shows = SHOW | {"summary": "Show what our numbers know of a customer"}
        router.add_api_route(ONE, self.show, methods=["GET"], **shows)
        changes = CHANGE | {"summary": "Change a contact"}
        router.add_api_route(ONE, self.change, methods=["PATCH"], **changes)
        return router

    async def show(self, request: Request, id: str) -> Response:
        """Answer with the contact of each number that knows the customer."""
        name, numbers = await read_scope(request, id, self.read_numbers)
        known = await asyncio.to_thread(find_known, self.store, numbers, name)
        if not known:
            raise ApiError("not-found", _UNKNOWN)
        now = datetime.now(UTC)
        shown = [view_contact(number, contact, now) for number, contact in known.items()]
        return json_response({"data": shown})

    async def change(self, request: Request, id: str) -> Response:
        """Change the contact of one number; a change by an event meanwhile is kept as well."""
        check_query(request, "number")
        patch = read_patch(await read_object(request))
        if not isinstance(patch, ContactPatch):
            raise ApiError("invalid", errors=patch)
        name, numbers = await read_scope(request, id, self.read_numbers)
        number = await self._only_number(numbers, name)

        def apply(contact: Contact, now: datetime) -> Contact:
            after = apply_patch(contact, patch, now)
            if not isinstance(after, Contact):
                raise ApiError("invalid", errors=after)
            return after

        after = await asyncio.to_thread(change_contact, self.store, number, name, apply)
        if after is None:
            raise ApiError("not-found", _UNKNOWN)
        return json_response(view_contact(number, after, datetime.now(UTC)))

    async def _only_number(self, numbers: Sequence[str], name: str) -> str:
        """Return the number whose contact is meant. Raises ApiError where there are several."""
        if len(numbers) == 1:
            return numbers[0]
        known = list(await asyncio.to_thread(find_known, self.store, numbers, name))
        if len(known) > 1:
            detail = "is needed: more than one of our numbers knows this customer"
            raise ApiError("invalid", errors=[FieldError("#/number", detail)])
        if not known:
            raise ApiError("not-found", _UNKNOWN)
        return known[0]


async def read_scope(
    request: Request, id_: str, read_numbers: Callable[[], Awaitable[Sequence[str]]], *more: str
) -> tuple[str, Sequence[str]]:
    """Return the name of the customer in an address, and the numbers that are meant.

    These are all that the key may see, or the one that `number` in the query names. Raises
    ApiError, also for anything in the query but that and `more`.
    """
    check_query(request, "number", *more)
    if not (name := read_contact_name(id_)):
        detail = "must be a phone number with its country code, or a user id"
        raise ApiError("invalid", errors=[FieldError("#/id", detail)])
    key: ApiKey = request.state.key
    numbers = [one for one in await read_numbers() if key.may_use(one)]
    wanted = request.query_params.get("number")
    if wanted is not None and wanted not in numbers:
        detail = "is none of our numbers, or the key may not see it"
        raise ApiError("invalid", errors=[FieldError("#/number", detail)])
    return name, numbers if wanted is None else [wanted]
