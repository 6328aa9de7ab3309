"""Apps at Meta: each with its secret, its token, its account and the webhooks that go to it."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.sandbox.config import AppConfig
from gateway.sandbox.errors import BAD_TOKEN_REFUSAL, NO_PROOF, WRONG_PROOF, Refusal
from gateway.sandbox.simulation.account import AppSetup
from gateway.sandbox.simulation.message_statuses import StatusReports
from gateway.sandbox.simulation.tokens import Token
from gateway.sandbox.simulation.webhook_delivery import Webhooks

_BEARER = "Bearer "


def appsecret_proof(app_secret: str, token: str) -> str:
    """Return the proof that whoever has a token has the app's secret as well."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class SimulatedApp:
    """One app: what was configured, what calls and control calls changed, and its webhooks."""

    config: AppConfig
    token: Token
    setup: AppSetup
    webhooks: Webhooks
    reports: StatusReports

    def has_number(self, number_id: str) -> bool:
        """Return whether a number is one of the app's own account."""
        return any(number.id == number_id for number in self.config.numbers)

    def refusal(self, authorization: str, proof: str, now: float, scope: str) -> Refusal | None:
        """Return why a call with the app's token is not allowed, or None."""
        if refusal := self.token.refusal(authorization, now, scope):
            return refusal
        if not proof:
            return NO_PROOF if self.config.require_proof else None
        # Meta refuses a wrong proof of an app that demands none, too.
        right = appsecret_proof(self.config.app_secret, authorization.removeprefix(_BEARER))
        return None if hmac.compare_digest(proof.encode(), right.encode()) else WRONG_PROOF


class Apps:
    """All apps; a number that none of them lists belongs to the first."""

    def __init__(self, apps: Iterable[SimulatedApp]) -> None:
        """Take the apps, the first one first."""
        self.all = tuple(apps)
        self.first = self.all[0]
        self._by_id = {one.config.app_id: one for one in self.all}
        self._by_number = {number.id: one for one in self.all for number in one.config.numbers}

    def named(self, app_id: str) -> SimulatedApp | None:
        """Return the app of an id."""
        return self._by_id.get(app_id)

    def of_number(self, number_id: str) -> SimulatedApp:
        """Return the app whose account has a number."""
        return self._by_number.get(number_id, self.first)

    def of_token(self, token: str) -> SimulatedApp | None:
        """Return the app of a token, whether or not the token is accepted at present."""
        return next((one for one in self.all if one.token.matches(token)), None)

    def caller(
        self, authorization: str, proof: str, now: float, scope: str
    ) -> SimulatedApp | Refusal:
        """Return the app with whose token a call comes, or why the call is not allowed."""
        app = self.of_token(authorization.removeprefix(_BEARER))
        if app is None:
            return BAD_TOKEN_REFUSAL
        return app.refusal(authorization, proof, now, scope) or app
