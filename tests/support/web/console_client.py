"""A client of the console that has signed in, and the users that tests need."""

from datetime import UTC, datetime
from functools import cache

import httpx

from gateway.core.console.sign_ins import LIFETIME, SignIn, hash_token
from gateway.core.console.users import ConsoleUser
from gateway.store.console.sign_ins import add_sign_in
from gateway.store.console.users import add_user
from gateway.store.redis.client import Store
from gateway.web.console.session.signing_in import new_user
from tests.support.web.web_app import Web

PASSWORD = "a long enough password"
# On loopback a browser needs no https.
HOST = "127.0.0.1:8001"
ORIGIN = f"http://{HOST}"
SAME_ORIGIN = {"host": HOST, "origin": ORIGIN, "sec-fetch-site": "same-origin"}


@cache
def _hashed() -> str:
    return new_user("any", "look", PASSWORD, datetime.now(UTC)).password_hash


def know_user(
    store: Store, role: str, name: str = "", accounts: tuple[str, ...] = ()
) -> ConsoleUser:
    """Store a user of a role, whose name is that of the role unless it is given."""
    name = name or role
    user = ConsoleUser(f"id-{name}", name, role, _hashed(), datetime.now(UTC), accounts)
    add_user(store, user, replace=True)
    return user


def enter(
    web: Web, store: Store, role: str, name: str = "", accounts: tuple[str, ...] = ()
) -> ConsoleUser:
    """Let the client of the second address be signed in, without a password's cost."""
    user, now = know_user(store, role, name, accounts), datetime.now(UTC)
    token = f"token of {user.name}"
    add_sign_in(store, SignIn(hash_token(token), user.name, user.id, now, now + LIFETIME))
    web.api.headers.update(SAME_ORIGIN)
    web.api.cookies.set("gateway-console", token)
    return user


async def sign_in(web: Web, name: str, password: str = PASSWORD, **more: str) -> httpx.Response:
    """Post the form; the client of the second address keeps the cookie."""
    web.api.headers.update(SAME_ORIGIN)
    form = {"name": name, "password": password, "next": more.pop("next", "")}
    return await web.api.post("/console/sign-in", data=form, headers=more)
