"""Access to the console: who asks, by a cookie, and whether a form was sent from our own page."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from gateway.core.console.sign_ins import LIFETIME, hash_token
from gateway.core.console.users import ConsoleUser
from gateway.store.console.sign_ins import find_signed_in
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.page import ROOT, PageError

# A browser takes a cookie of the first name only over https, and from no other host.
SECURE_COOKIE, LOOPBACK_COOKIE = "__Host-gateway-console", "gateway-console"
SAFE_METHODS = ("GET", "HEAD")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def find_user(request: Request, desk: ConsoleDesk) -> tuple[ConsoleUser, str] | None:
    """Return who asks and the digest of the sign-in, None for nobody.

    Raises StoreUnavailableError or ScriptError.
    """
    token = request.cookies.get(SECURE_COOKIE, "")
    if not token and is_loopback(request):
        token = request.cookies.get(LOOPBACK_COOKIE, "")
    if not token:
        return None
    digest = hash_token(token)
    user = await desk.read(find_signed_in, desk.store, digest, datetime.now(UTC))
    return (user, digest) if user else None


def check_same_origin(request: Request) -> None:
    """Refuse what a page of another site lets a browser post. Raises PageError."""
    fetch_site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", "")
    # An origin is a scheme and a host, and nothing more; a client may send anything else.
    is_ours = origin.partition("://")[2].lower() == request.headers.get("host", "").lower() != ""
    if fetch_site not in ("same-origin", "none") or not is_ours:
        raise PageError(
            403,
            "This form was not sent from the console.",
            "Open the console by its own address. A proxy before it has to pass the header Host "
            "on as the browser sent it.",
        )


def set_cookie(request: Request, response: Response, token: str) -> None:
    """Let the browser keep a sign-in. Raises PageError where anybody on the way could read it."""
    is_secure = request.headers.get("origin", "").startswith("https://")
    if not is_secure and not is_loopback(request):
        raise PageError(
            403,
            "Signing in needs https.",
            "Open the console through your proxy with https, or through a tunnel: "
            "ssh -L 8001:127.0.0.1:8001 HOST, then http://127.0.0.1:8001/console.",
        )
    response.set_cookie(
        SECURE_COOKIE if is_secure else LOOPBACK_COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/" if is_secure else ROOT,
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )


def drop_cookies(response: Response) -> None:
    """Let the browser forget the sign-in."""
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    response.delete_cookie(LOOPBACK_COOKIE, path=ROOT, httponly=True, samesite="lax")


def is_loopback(request: Request) -> bool:
    """Say whether the browser asked for an address of its own machine."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname in _LOOPBACK
    except ValueError:
        return False
