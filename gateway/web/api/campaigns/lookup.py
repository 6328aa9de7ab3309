"""Lookup of the campaign that a request names, for the key that asks."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request

from gateway.core.api.keys import ApiKey
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.campaigns.campaigns import Campaign, read_campaign
from gateway.store.redis.client import Store
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query


@dataclass(frozen=True, slots=True)
class CampaignLookup:
    """Finds campaigns that a key may see."""

    store: Store
    bodies: Bodies

    async def find(self, request: Request, id_: str, *known: str) -> Campaign:
        """Return a campaign that the key may see.

        Raises ApiError, also for anything in the query that is not known.
        """
        check_query(request, *known)
        found = await self.read(id_) if len(id_) <= 64 else None
        key: ApiKey = request.state.key
        if found and key.may_use(found.number):
            return found
        raise ApiError("not-found", "No campaign has this id, or it is forgotten.")

    async def read(self, id_: str) -> Campaign | None:
        """Return a campaign, None for an unknown one. Raises ApiError for one that is damaged."""
        try:
            return await asyncio.to_thread(read_campaign, self.store, self.bodies, id_)
        except UnknownRecordError as error:
            detail = f"What is stored of the campaign cannot be read: {error}."
            raise ApiError("unavailable", detail) from error
