"""Addresses of campaigns."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.accounts.account import Accounts
from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import ApiKey
from gateway.core.campaigns.checks.check import CampaignCheck, view_check
from gateway.core.campaigns.definition import Definition, check_times, read_definition, trial_fields
from gateway.core.console.users import describe_actor
from gateway.core.messages.price_list import PriceList
from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.store.api.pending_send import (
    Idempotency,
    KeyReusedError,
    canonical,
    idempotency_of,
)
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import campaigns, control
from gateway.store.campaigns.audience import read_first
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.check import check_campaign, read_check_inputs
from gateway.store.campaigns.drafts import (
    TOO_MANY,
    TooManyCampaignsError,
    create_campaign,
    create_once,
    find_created,
)
from gateway.store.campaigns.start_conditions import find_start_obstacle
from gateway.store.campaigns.uploads.repetition import find_obstacle
from gateway.store.campaigns.uploads.upload import Home
from gateway.store.campaigns.view import view_campaign
from gateway.store.redis.client import Store
from gateway.store.templates.judgement import TemplateJudge
from gateway.web.api.campaigns.bodies import (
    read_check_id,
    read_finish_by,
    read_retry,
    read_to,
    read_why,
)
from gateway.web.api.campaigns.descriptions import CAMPAIGN, CAMPAIGNS, DESCRIPTIONS
from gateway.web.api.campaigns.lookup import CampaignLookup
from gateway.web.api.campaigns.recipient_descriptions import PROBLEMS
from gateway.web.api.campaigns.streams import CampaignStreams
from gateway.web.api.campaigns.uploads import AudienceUploads
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.lists.ordered_lists import OrderedPage, PageRequest, read_page_request
from gateway.web.api.lists.pages import Cursors
from gateway.web.api.messages.sending import (
    MessageSending,
    check_idempotency_key,
    read_idempotency_key,
    view_accepted,
)
from gateway.web.api.operations.named_receivers import NamedReceivers
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query


@dataclass(frozen=True, slots=True)
class CampaignRoutes:
    """Addresses of campaigns; a key sees those of the numbers that it may use."""

    store: Store
    bodies: Bodies
    lookup: CampaignLookup
    uploads: AudienceUploads
    default_number: Callable[[], str]
    home_of: Callable[[str], Home]
    pace_of: Callable[[str], int]
    accounts: Callable[[], Accounts]
    judge: TemplateJudge
    prices: PriceList
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    sending: MessageSending
    streams: CampaignStreams
    receivers: NamedReceivers

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["campaigns"])
        for path, method, endpoint, summary in (
            (CAMPAIGNS, "POST", self.create, "Make a draft of a campaign"),
            (CAMPAIGNS, "GET", self.list_all, "List campaigns"),
            (CAMPAIGN, "GET", self.show, "Show a campaign and its funnel"),
            (f"{CAMPAIGN}/stream", "GET", self.stream, "Follow a campaign until it ends"),
            (f"{CAMPAIGN}/audience", "PUT", self.put_audience, "Give a draft its audience"),
            (f"{CAMPAIGN}/check", "POST", self.check, "Check who would get a draft"),
            (f"{CAMPAIGN}/test", "POST", self.test, "Send the message of a campaign to one number"),
            (f"{CAMPAIGN}/start", "POST", self.start, "Start a draft that was checked"),
            (f"{CAMPAIGN}/pause", "POST", self.pause, "Pause a campaign"),
            (f"{CAMPAIGN}/resume", "POST", self.resume, "Let a paused campaign go on"),
            (f"{CAMPAIGN}/cancel", "POST", self.cancel, "End a campaign for good"),
            (f"{CAMPAIGN}/retry", "POST", self.retry, "Make a draft for those who failed"),
        ):
            router.add_api_route(
                path, endpoint, methods=[method], summary=summary, **DESCRIPTIONS[method, path]
            )
        return router

    async def create(self, request: Request) -> Response:
        """Answer 201 with the draft; it needs an audience and a check before it starts."""
        check_query(request)
        fields = await read_object(request)
        definition = read_definition(fields)
        if isinstance(definition, list):
            raise ApiError("invalid", errors=definition)
        known = _read_known(request, fields)
        # A repeated request is answered as then, though its moments may have passed since.
        if known and (before := await self._make(find_created, known)):
            return await self._show_created(request, before, idempotent_replayed="true")
        number = await self._number(request.state.key, definition)
        if errors := check_times(definition, await self._now()):
            raise ApiError("invalid", errors=errors)
        args = (self.bodies, number, definition)
        make = (create_once, *args, known) if known else (create_campaign, *args)
        id_ = await self._make(*make)
        return await self._show_created(request, id_)

    async def list_all(self, request: Request) -> Response:
        """Answer with a page of the campaigns that the key may see, the newest first."""
        key: ApiKey = request.state.key
        wanted = read_page_request(request, CAMPAIGNS, Cursors(self.store, "campaigns", key, ""))
        page, now = await asyncio.to_thread(self._read_page, key, wanted), await self._now()
        return wanted.respond([view_campaign(one, now) for one in page.rows], page.cursor)

    async def show(self, request: Request, id: str) -> Response:
        """Answer with a campaign."""
        return await self._show(request, id)

    async def stream(self, request: Request, id: str) -> Response:
        """Answer with a campaign whenever it changes, until it has ended."""
        return self.streams.open((await self.lookup.find(request, id)).id)

    async def put_audience(self, request: Request, id: str) -> Response:
        """Give a draft the recipients of a file, whole or not at all."""
        campaign = await self.lookup.find(request, id, "encoding", "map")
        if campaign.phase != "draft":
            raise _too_late(campaign.phase)
        home, needed = self.home_of(campaign.number), campaign.definition.columns
        result = await self.uploads.take(request, campaign.id, needed, home)
        if result.error:
            raise ApiError("invalid", errors=[FieldError("#", result.error)])
        if result.phase:
            raise _too_late(result.phase)
        where = PROBLEMS.format(id=id) if result.reader.skipped else None
        return json_response(result.view() | {"all_problems": where})

    async def check(self, request: Request, id: str) -> Response:
        """Answer who would get the draft if it started now; a start needs that within an hour."""
        campaign = await self.lookup.find(request, id)
        if campaign.phase != "draft":
            raise _too_late(campaign.phase)
        check = await asyncio.to_thread(self._check, campaign)
        return json_response(view_check(check))

    async def test(self, request: Request, id: str) -> Response:
        """Send the message to one number, with the values of the first recipient."""
        campaign, to = await self.lookup.find(request, id), await read_to(request)
        first = await asyncio.to_thread(read_first, self.store, self.bodies, campaign)
        if first is None:
            raise ApiError("conflict", "The campaign has no audience.")
        fields = trial_fields(campaign.definition, campaign.number, to, first.values)
        if fields is None:
            raise ApiError("conflict", "The first recipient lacks a value that the message needs.")
        known = read_idempotency_key(request)
        accepted = await self.sending.accept(request.state.key, fields, known, request.url.path)
        return json_response(view_accepted(accepted), 202)

    async def start(self, request: Request, id: str) -> Response:
        """Start a draft, now or at its time; repeated, it answers with the campaign."""
        campaign, check_id = await self.lookup.find(request, id), await read_check_id(request)
        now = await self._now()
        if campaign.phase == "draft":
            args = (campaign, check_id, self.judge, self.accounts(), now)
            if obstacle := await asyncio.to_thread(find_start_obstacle, *args):
                raise ApiError("conflict", obstacle)
        return await self._control(request, id, control.start, campaign, _by(request), now)

    async def pause(self, request: Request, id: str) -> Response:
        """Pause a campaign with what is queued already."""
        campaign, why = await self.lookup.find(request, id), await read_why(request)
        return await self._control(request, id, control.pause, campaign, _by(request), why)

    async def resume(self, request: Request, id: str) -> Response:
        """Let a paused campaign go on, until another end if the request names one."""
        campaign, finish_by = await self.lookup.find(request, id), await read_finish_by(request)
        now = await self._now()
        if obstacle := control.find_resume_obstacle(campaign, now, finish_by):
            raise ApiError("conflict", obstacle)
        args = (campaign, _by(request), now, finish_by)
        return await self._control(request, id, control.resume, *args)

    async def cancel(self, request: Request, id: str) -> Response:
        """End a campaign: who was not written to yet never is."""
        campaign, why = await self.lookup.find(request, id), await read_why(request)
        return await self._control(request, id, control.cancel, campaign, _by(request), why)

    async def retry(self, request: Request, id: str) -> Response:
        """Answer 201 with a draft for those whom an ended campaign did not reach."""
        campaign, (scope, codes) = await self.lookup.find(request, id), await read_retry(request)
        if obstacle := find_obstacle(campaign, scope, codes):
            raise ApiError("conflict", obstacle)
        zone = self.home_of(campaign.number).zone
        try:
            again = await self.uploads.repeat(campaign.id, scope, codes, zone)
        except TooManyCampaignsError:
            raise _too_many() from None
        return await self._show_created(request, again)

    async def _control(
        self, request: Request, id_: str, act: Callable[..., str], *args: Any
    ) -> Response:
        if obstacle := await asyncio.to_thread(act, self.store, *args):
            raise _too_late(obstacle)
        return await self._show(request, id_)

    async def _make(self, make: Callable[..., str], *args: Any) -> str:
        """Return the id of a draft that is made, or was before. Raises ApiError."""
        try:
            return await asyncio.to_thread(make, self.store, *args)
        except TooManyCampaignsError:
            raise _too_many() from None
        except KeyReusedError:
            raise ApiError("key-reused") from None

    async def _show_created(self, request: Request, id_: str, **more: str) -> Response:
        campaign = await self.lookup.find(request, id_)
        headers = {"location": f"{CAMPAIGNS}/{id_}", **more}
        return json_response(view_campaign(campaign, await self._now()), 201, **headers)

    async def _show(self, request: Request, id_: str) -> Response:
        campaign = await self.lookup.find(request, id_)
        return json_response(view_campaign(campaign, await self._now()))

    def _read_page(self, key: ApiKey, wanted: PageRequest) -> OrderedPage[Campaign]:
        found = campaigns.list_campaigns(self.store, self.bodies)
        return wanted.cut((one for one in found if key.may_use(one.number)), _place_of)

    async def _number(self, key: ApiKey, definition: Definition) -> str:
        number = definition.number or self.default_number()
        if not number:
            detail = "is missing, and there is no default account"
            raise ApiError("invalid", errors=[FieldError("#/from", detail)])
        if not key.may_use(number):
            raise ApiError("forbidden", "The key is bound to other numbers.")
        if number not in await self.read_numbers():
            raise ApiError("invalid", errors=[FieldError("#/from", "is none of our numbers")])
        return number

    def _check(self, campaign: Campaign) -> CampaignCheck:
        pace = self.pace_of(campaign.number)
        inputs = read_check_inputs(self.judge, self.accounts(), campaign, pace, self.prices)
        name = campaign.definition.notice.forward
        if name and self.receivers.is_unnamed(campaign.number, name):
            inputs = replace(inputs, unnamed=name)
        return check_campaign(self.store, self.bodies, campaign, inputs)

    async def _now(self) -> datetime:
        return datetime_from_ms(await asyncio.to_thread(campaigns.server_ms, self.store))


def _place_of(campaign: Campaign) -> str:
    """Return the place of a campaign in the list, where the newest is the first."""
    return f"{10**14 - ms_from_datetime(campaign.created_at):014d} {campaign.id}"


def _read_known(request: Request, fields: Mapping[str, Any]) -> Idempotency | None:
    """Return how a request is known again, None without an Idempotency-Key. Raises ApiError."""
    key: ApiKey = request.state.key
    given = check_idempotency_key(read_idempotency_key(request))
    return idempotency_of(f"{key.id} {CAMPAIGNS}", given, canonical(fields))


def _by(request: Request) -> str:
    return describe_actor(request.state.key)


def _too_late(phase: str) -> ApiError:
    return ApiError("conflict", f"The campaign is {phase}.")


def _too_many() -> ApiError:
    return ApiError("conflict", TOO_MANY)
