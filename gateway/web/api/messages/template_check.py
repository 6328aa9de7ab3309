"""Check of requests against Meta's templates, beside the event loop."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from gateway.accounts.account import Accounts, OwnNumber
from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest
from gateway.core.api.template_uses import find_uses
from gateway.core.templates.choice import TemplateUse, read_use
from gateway.core.templates.template import Mismatch
from gateway.store.templates.judgement import TemplateJudge
from gateway.web.api.problems import ApiError

# Meta may take minutes for a list, and others may wait for it: then what is known counts.
ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class TemplateCheck:
    """Refuses messages that Meta would refuse because of their templates."""

    judge: TemplateJudge
    accounts: Callable[[], Accounts]
    # Meta is asked here, however slow it is, and not in the threads that answer other requests.
    fetching: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, "template-check")
    )

    async def check(self, number: str, fields: Mapping[str, Any], request: MessageRequest) -> None:
        """Raise ApiError with everything in a request that does not fit its templates."""
        if errors := await self.find_errors(number, fields, request):
            raise ApiError("invalid", errors=errors)

    async def find_errors(
        self, number: str, fields: Mapping[str, Any], request: MessageRequest
    ) -> list[FieldError]:
        """Return everything in a request that does not fit its templates."""
        if not (uses := find_uses(fields, request)):
            return []
        found = await self.find_mismatches(number, uses)
        return [FieldError(one.pointer, one.detail) for one in found]

    async def describe(self, number: str, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what is known of the template that a message sends; None if it sends none.

        Raises StoreUnavailableError.
        """
        own, use = self.accounts().number(number), read_use(body, "")
        if own is None or use is None:
            return None
        known = await asyncio.to_thread(self.judge.cache.find, own.waba, use.key)
        status = known.template.status if known else ""
        return {
            "status": status or None,
            "usable": known.template.is_usable if known and status else None,
            "waits": bool(known and known.template.is_stopped),
        }

    async def find_mismatches(self, number: str, uses: Sequence[TemplateUse]) -> list[Mismatch]:
        """Return what of some uses does not fit the templates of the number's account."""
        own = self.accounts().number(number)
        if own is None:
            return []
        if not (found := await self._judge_known(own, uses)):
            return []
        loop = asyncio.get_running_loop()
        judging = loop.run_in_executor(self.fetching, self.judge.judge, own, uses)
        try:
            return await asyncio.wait_for(judging, ANSWER_S)
        except TimeoutError:  # a fetch that has begun goes on, and helps the next request
            return found

    async def _judge_known(self, own: OwnNumber, uses: Sequence[TemplateUse]) -> list[Mismatch]:
        if self.judge.is_at_hand(own, uses):
            return self.judge.judge_known(own, uses)
        return await asyncio.to_thread(self.judge.judge_known, own, uses)
