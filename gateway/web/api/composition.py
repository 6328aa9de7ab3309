"""Message API: puts together what its addresses need, and lets it begin and end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from fastapi import APIRouter
from starlette.routing import Route

from gateway.accounts.account import Accounts
from gateway.accounts.rulebooks import RuleFiles
from gateway.config.prices import read_prices
from gateway.config.settings import Settings
from gateway.core.api.schedules.request import SendingNumber
from gateway.core.messages.price_list import PriceList
from gateway.store.api.lists.list_secret import read_secret
from gateway.store.api.number_names import read_numbers
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.api.send_writer import SendWriter
from gateway.store.api.waiting.open_requests import OpenRequests
from gateway.store.api.waiting.send_results import SendResults
from gateway.store.api.waiting.stage_watch import StageWatch
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.uploads.upload import Home
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.redis.driver import AsyncClient
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.judgement import TemplateJudge
from gateway.web.api.campaigns.lookup import CampaignLookup
from gateway.web.api.campaigns.recipients import CampaignRecipientRoutes
from gateway.web.api.campaigns.routes import CampaignRoutes
from gateway.web.api.campaigns.streams import CampaignStreams
from gateway.web.api.campaigns.uploads import AudienceUploads
from gateway.web.api.contacts.erasing import ErasureRoutes
from gateway.web.api.contacts.routes import ContactRoutes
from gateway.web.api.contacts.tables import ContactTableRoutes
from gateway.web.api.events.routes import EventRoutes
from gateway.web.api.messages.cloud_api.lookups import CloudLookups
from gateway.web.api.messages.cloud_api.routes import CloudRoutes
from gateway.web.api.messages.cloud_api.sending import CloudSending
from gateway.web.api.messages.damage_log import DamageLog
from gateway.web.api.messages.listing import MessageListRoutes
from gateway.web.api.messages.routes import MessageLookup, MessageRoutes
from gateway.web.api.messages.schedules.routes import ScheduleRoutes
from gateway.web.api.messages.sending import MessageSending
from gateway.web.api.messages.tasks import TaskRoutes
from gateway.web.api.messages.template_check import TemplateCheck
from gateway.web.api.operations.dead_letters import DeadLetterRoutes
from gateway.web.api.operations.forwards import ForwardRoutes
from gateway.web.api.operations.named_receivers import NamedReceivers
from gateway.web.api.operations.numbers import NumberRoutes
from gateway.web.api.operations.templates import TemplateRoutes
from gateway.web.api.server.busy_routes import Endpoint
from gateway.web.api.server.file_uploads import FileUploads

# The webhook has its connections from the same pool of a hundred.
READS_AT_ONCE = 16


class MessageApi:
    """The parts of the API that send messages and say what became of them."""

    def __init__(
        self,
        settings: Settings,
        client: AsyncClient,
        accounts: Callable[[], Accounts],
        ring: Callable[[str, str], None],
        is_ready: Callable[[], bool],
    ) -> None:
        """Take the client of the event loop; what is read for one answer is read in threads."""
        self._redis = client
        self._accounts = accounts
        self._usual_pace = settings.meta_messages_per_second
        self._writer = SendWriter(client, ring)
        self._watch = StageWatch(client)
        self._free = asyncio.Semaphore(READS_AT_ONCE)
        self._store = Store(settings.redis_url)
        bodies = Bodies(settings.encryption_keys)
        judge = TemplateJudge(self._store, TemplateCache(self._store), settings.meta_graph_url)
        sending = self._build_sending(TemplateCheck(judge, accounts), is_ready)
        damage_log, prices = DamageLog(), read_prices(settings.gateway_prices)
        lookup = MessageLookup(self._store, bodies, self._all_numbers, self._watch, damage_log)
        self._routes = MessageRoutes(sending, lookup, prices)
        self._list_routes = MessageListRoutes(
            self._store, bodies, self._all_numbers, self._country_of, damage_log, prices
        )
        self._results, self._open = SendResults(client), OpenRequests(client)
        self._cloud_routes = self._build_cloud_routes(settings, sending, lookup)
        self._tasks = TaskRoutes(sending, lookup, settings.gateway_results)
        book = ScheduleBook(self._store, bodies)
        self._schedule_routes = ScheduleRoutes(sending, book, self._sender_of, self._all_numbers)
        self._receivers = NamedReceivers(RuleFiles.of(settings, accounts))
        self._uploads = FileUploads(settings.redis_url, settings.encryption_keys)
        self._campaign_streams = CampaignStreams(self._store, bodies)
        self._campaign_routes = self._build_campaign_routes(
            settings, bodies, judge, prices, sending
        )
        self._other_routers = [
            *self._build_customer_routers(settings, bodies),
            *self._build_operation_routers(settings, bodies, ring),
        ]

    def _build_sending(self, check: TemplateCheck, is_ready: Callable[[], bool]) -> MessageSending:
        return MessageSending(
            self._writer,
            self._default_number,
            self._country_of,
            self._numbers,
            is_ready,
            check,
        )

    def _build_customer_routers(self, settings: Settings, bodies: Bodies) -> list[APIRouter]:
        """Return the routes about customers; a table's go before those with the id of a contact."""
        store, numbers = self._store, self._all_numbers
        tables = ContactTableRoutes(
            store,
            self._uploads,
            self._default_number,
            self._country_of,
            self._numbers,
            settings.gateway_store_bytes,
        )
        return [
            tables.router(),
            ContactRoutes(store, numbers).router(),
            ErasureRoutes(store, bodies, settings.gateway_retention, numbers).router(),
            EventRoutes(store, bodies, numbers, self._account_of).router(),
            CampaignRecipientRoutes(store, bodies, CampaignLookup(store, bodies)).router(),
        ]

    def _build_operation_routers(
        self, settings: Settings, bodies: Bodies, ring: Callable[[str, str], None]
    ) -> list[APIRouter]:
        """Return the routes for operators."""
        store, numbers, graph_url = self._store, self._all_numbers, settings.meta_graph_url
        return [
            NumberRoutes(store, self._accounts, self._numbers).router(),
            DeadLetterRoutes(store, bodies, numbers, ring).router(),
            ForwardRoutes(store, bodies, numbers, self._receivers).router(),
            TemplateRoutes(store, self._accounts, self._numbers, graph_url).router(),
        ]

    def _build_campaign_routes(
        self,
        settings: Settings,
        bodies: Bodies,
        judge: TemplateJudge,
        prices: PriceList,
        sending: MessageSending,
    ) -> CampaignRoutes:
        return CampaignRoutes(
            self._store,
            bodies,
            CampaignLookup(self._store, bodies),
            AudienceUploads(self._uploads),
            self._default_number,
            self._home_of,
            self._pace_of,
            self._accounts,
            judge,
            prices,
            self._numbers,
            sending,
            self._campaign_streams,
            self._receivers,
        )

    def _build_cloud_routes(
        self, settings: Settings, sending: MessageSending, lookup: MessageLookup
    ) -> CloudRoutes:
        """Return the routes in the form of Meta's Cloud API."""
        wait_s = settings.gateway_cloud_api_wait.total_seconds()
        cloud = CloudSending(sending, self._writer, self._results, self._open, lookup, wait_s)
        graph_url = settings.meta_graph_url
        lookups = CloudLookups(self._store, self._accounts, self._numbers, graph_url)
        return CloudRoutes(cloud, lookups)

    def routers(self) -> Sequence[APIRouter]:
        """Return the routes of all parts."""
        about_messages = (self._routes, self._list_routes, self._tasks, self._schedule_routes)
        routers = [part.router() for part in about_messages]
        return [*routers, *self._other_routers, self._campaign_routes.router()]

    def busy(self) -> Mapping[tuple[str, str], Endpoint]:
        """Return the endpoints that are under load; their documents are among those of all."""
        return self._routes.busy()

    def direct(self) -> Sequence[Route]:
        """Return the routes in Meta's form, which the document does not describe."""
        return self._cloud_routes.routes()

    def answer_all(self) -> None:
        """Let all requests that wait for a change be answered, and end all streams."""
        self._campaign_streams.end()
        self._watch.release()
        self._results.release()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Store sends until the context ends, those that still wait included."""
        self._writer.start()
        self._results.start()
        self._open.start()
        prepared = asyncio.create_task(asyncio.to_thread(self._prepare_lists))
        try:
            yield
        finally:
            await prepared
            await self._watch.close()
            await self._results.close()
            await self._open.end()
            await self._writer.close()
            await asyncio.to_thread(self._store.close)

    def _prepare_lists(self) -> None:
        """Make the secret of cursors while the store has room; otherwise the first list does."""
        with contextlib.suppress(StoreUnavailableError, ScriptError):
            read_secret(self._store)

    def _default_number(self) -> str:
        return self._accounts().default_number

    def _account_of(self, number: str) -> str:
        return self._accounts().name_of(number)

    def _country_of(self, number: str) -> str:
        return self._accounts().country_of(number or self._default_number())

    def _home_of(self, number: str) -> Home:
        sender = self._sender_of(number)
        return Home(sender.country, sender.zone)

    def _pace_of(self, number: str) -> int:
        own = self._accounts().number(number)
        return own.pace if own else self._usual_pace

    def _sender_of(self, number: str) -> SendingNumber:
        accounts = self._accounts()
        owner = accounts.owner_of(number)
        return SendingNumber(number, owner.time_zone if owner else "", accounts.country_of(number))

    async def _numbers(self) -> Sequence[str]:
        """Return the numbers of all accounts. Raises StoreUnavailableError or ScriptError."""
        return self._accounts().numbers_among(await self._read_listed())

    async def _all_numbers(self) -> Sequence[str]:
        """Return also those that no account has any more: their sends wait.

        Raises StoreUnavailableError or ScriptError.
        """
        listed = await self._read_listed()
        return list(dict.fromkeys([*self._accounts().numbers_among(listed), *listed]))

    async def _read_listed(self) -> Sequence[str]:
        async with self._free:
            return await read_numbers(self._redis)
