"""Signing in and out: a password is compared once at a time, and wrong ones make the next wait."""

import asyncio
import math
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.core.console.sign_ins import LIFETIME, SignIn, hash_token
from gateway.core.console.users import ConsoleUser
from gateway.store.console import sign_ins, users
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.forms import read_form
from gateway.web.console.page import ROOT, PageView
from gateway.web.console.rendering import HEADERS, render_page
from gateway.web.console.session.access import (
    check_same_origin,
    drop_cookies,
    find_user,
    set_cookie,
)

if TYPE_CHECKING:
    from argon2 import PasswordHasher

log = structlog.get_logger(__name__)

MOST_PASSWORD = 1_024
# Each comparison takes 64 MB and all of a core for a moment.
COMPARED_AT_ONCE = 1


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The pages for signing in and out."""

    desk: ConsoleDesk
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(COMPARED_AT_ONCE))

    async def show(self, request: Request) -> Response:
        """Answer with the form."""
        return await self._form(request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        """Compare the password, and store a sign-in."""
        check_same_origin(request)
        form = await read_form(request)
        name, password = form.get("name", "").strip(), form.get("password", "")
        wanted = form.get("next", "")
        address = request.client.host if request.client else ""
        if wait_ms := await self.desk.read(sign_ins.take_try, self.desk.store, name, address):
            seconds = math.ceil(wait_ms / 1000)
            problem = f"Too many tries. Try again in {seconds} s."
            return await self._form(wanted, problem, 429, seconds)
        user = await self._authenticate(name, password)
        if user is None:
            log.warning("console_sign_in_refused")
            return await self._form(wanted, "The name or the password is wrong.", 401)
        response = RedirectResponse(safe_address(wanted), 303, HEADERS)
        token = secrets.token_urlsafe(32)
        set_cookie(request, response, token)
        await self._store(user, token, address)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the sign-in."""
        check_same_origin(request)
        if found := await find_user(request, self.desk):
            user, digest = found
            await self.desk.read(sign_ins.end_sign_ins, self.desk.store, [digest])
            await self.desk.note(user, "sign out")
        response = RedirectResponse(f"{ROOT}/sign-in", 303, HEADERS)
        drop_cookies(response)
        return response

    async def _form(
        self, wanted: str, problem: str = "", status: int = 200, wait_s: int = 0
    ) -> Response:
        has_users = bool(await self.desk.read(users.read_users, self.desk.store))
        data = {"next": safe_address(wanted), "problem": problem, "has_users": has_users}
        view = PageView("Sign in", "sign_in.html", data, status=status)
        response = render_page(view, None, (), f"{ROOT}/sign-in")
        if wait_s:
            response.headers["retry-after"] = str(wait_s)
        return response

    async def _authenticate(self, name: str, password: str) -> ConsoleUser | None:
        """Return the user; an unknown name takes as long as a wrong password."""
        user = await self.desk.read(users.find_user, self.desk.store, name[:64])
        stored = user.password_hash if user else _nobodys_hash()
        async with self._free:
            fits = await asyncio.to_thread(_compare, stored, password[:MOST_PASSWORD])
        return user if fits else None

    async def _store(self, user: ConsoleUser, token: str, address: str) -> None:
        now = datetime.now(UTC)
        sign_in = SignIn(hash_token(token), user.name, user.id, now, now + LIFETIME)
        await self.desk.note(user, "sign in")
        await self.desk.read(sign_ins.add_sign_in, self.desk.store, sign_in)
        await self.desk.read(sign_ins.count_success, self.desk.store, user.name, address)


def safe_address(wanted: str) -> str:
    """Return a page of the console to go on with; an address of another site is none."""
    is_ours = wanted.startswith(f"{ROOT}/") and "\\" not in wanted and wanted.isprintable()
    return wanted if is_ours else f"{ROOT}/"


def new_user(
    name: str, role: str, password: str, now: datetime, accounts: tuple[str, ...] = ()
) -> ConsoleUser:
    """Return a user with the hash of a password."""
    user = ConsoleUser(secrets.token_hex(8), name, role, "", now, accounts)
    return replace(user, password_hash=_hasher().hash(password))


@cache
def _hasher() -> "PasswordHasher":
    """Return what hashes passwords; its library is read when somebody signs in."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - the webhook's process starts without it

    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(32))


def _compare(stored: str, password: str) -> bool:
    from argon2.exceptions import (  # noqa: PLC0415 - the webhook's process starts without it
        InvalidHashError,
        VerificationError,
    )

    try:
        return _hasher().verify(stored, password)
    except (InvalidHashError, VerificationError):
        return False
