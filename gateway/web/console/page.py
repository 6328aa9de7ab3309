"""Page of the console: a function that returns a view, shown as HTML, or as JSON under `.json`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from gateway.core.console.users import LOOK, ConsoleUser
from gateway.web.console.desk.desk import ConsoleDesk

ROOT = "/console"


@dataclass(frozen=True, slots=True)
class PageVisit:
    """One request of a user: values of the address, of the query, and of the form of an action."""

    user: ConsoleUser
    sign_in: str = field(repr=False)  # its digest
    desk: ConsoleDesk = field(repr=False)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    request: Request | None = field(default=None, repr=False)  # of an upload, which is not read yet

    def may_see(self, number: str) -> bool:
        """Say whether the user may see one of our numbers; "" is what belongs to none."""
        return self.desk.may_see(self.user, number)

    def check_number(self, number: str) -> None:
        """Refuse a number that the user may not see as one that is not there. Raises PageError."""
        if number and not self.may_see(number):
            raise not_found("None of our numbers has this id.")


@dataclass(frozen=True, slots=True)
class PageView:
    """What a page shows: `data` is both the JSON and what the template draws.

    `topics` are what the page wants to hear of while it is open; see `live.py`.
    """

    title: str
    template: str
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    topics: tuple[str, ...] = ()
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirection:
    """An answer that leads to another address of the console."""

    address: str


class PageError(Exception):
    """A page that cannot be shown as asked: its status, what is wrong, and what to do."""

    def __init__(self, status: int, title: str, advice: str, *, tries_again: bool = False) -> None:
        """Take what the user reads; a page that tries again is asked for after some seconds."""
        super().__init__(title)
        self.status, self.title, self.advice = status, title, advice
        self.tries_again = tries_again


Build = Callable[[PageVisit], Awaitable[PageView | Redirection]]


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """A page of the console; those with a `label` are in the navigation, where `g key` opens them.

    `path` is below /console, in Starlette's form.
    """

    path: str
    build: Build
    role: str = LOOK
    label: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleAction:
    """An act by a form: whoever has its role may post to `path`; the answer is a view or leads on.

    The action itself notes in the audit log what it does, before it does it.
    """

    path: str
    act: Build
    role: str
    is_upload: bool = False  # it gets a file in place of a form


def not_found(what: str, advice: str = "Check the address.") -> PageError:
    """Return the error of an id that nothing has."""
    return PageError(404, what, advice)
