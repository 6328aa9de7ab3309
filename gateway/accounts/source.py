"""Source of the accounts in force: read once, and again when their file or a value changes."""

import threading
import time
from collections.abc import Callable

import structlog

from gateway.accounts.account import Accounts
from gateway.accounts.loader import AccountsError, AccountsReader
from gateway.config.environment import SettingsError
from gateway.config.settings import Settings
from gateway.rules.loader import fingerprint, read_file

LOOK_EVERY_S = 1.0
MOST_READINGS = 3

log = structlog.get_logger(__name__)


class AccountsSource:
    """Accounts in force; a change with mistakes leaves those before in force.

    `problem` describes the mistakes of the present file, "" if there are none. The constructor
    raises AccountsError; later nothing raises.
    """

    def __init__(
        self,
        settings: Settings,
        read_settings: Callable[[], Settings] = Settings.from_env,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load the accounts; `read_settings` reads the variables again, since files may hold them.

        The path of the file, and what is set for accounts that say nothing else, never change.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._reader = AccountsReader(settings, read_settings)
        self._accounts, self._handled = self._read_first()
        self._last_seen = self._handled
        self._looked_at = clock()
        self.problem = ""

    def current(self) -> Accounts:
        """Return the accounts in force; a caller keeps them until its work is done."""
        return self._accounts

    def reload_if_changed(self) -> None:
        """Take up changed accounts, looking at most once a second.

        A change counts once two looks in a row see the same bytes, so that files being written can
        settle. All of it is taken up, or nothing.
        """
        with self._lock:
            if self._clock() - self._looked_at < LOOK_EVERY_S:
                return
            self._looked_at = self._clock()
            seen = self._look()
            if self._handled != seen == self._last_seen:
                self._reload()
            self._last_seen = seen

    def reload_now(self) -> bool:
        """Take up changed accounts at once, after Meta refused a token; return if they differ."""
        with self._lock:
            before = self._accounts
            if self._look() != self._handled:
                self._reload()
            return self._accounts != before

    def _read_first(self) -> tuple[Accounts, bytes]:
        """Read until the bytes before and after are the same, a few times at most.

        Which files the accounts name only a reading shows. A digest of b"" says that they went on
        changing, so that they are read again once they have settled.
        """
        accounts, seen = self._reader.read_first(), self._look()
        for _ in range(MOST_READINGS):
            accounts = self._reader.read_first()
            before, seen = seen, self._look()
            if seen == before:
                return accounts, seen
        return accounts, b""

    def _look(self) -> bytes:
        """Return a digest of the files that the last reading looked at."""
        return fingerprint(map(read_file, self._reader.paths))

    def _reload(self) -> None:
        """Read until the bytes before and after are the same, a few times at most.

        What is read may name other files than before. Where the bytes go on changing, they differ
        from what is noted here, and are read again with the next look.
        """
        for _ in range(MOST_READINGS):
            self._handled = self._look()
            try:
                read, problem = self._reader.read(), ""
            except (AccountsError, SettingsError) as error:
                read, problem = self._accounts, str(error)
            if self._look() == self._handled:
                break
        if problem:
            self._reject(problem)
        else:
            self._take_up(read)

    def _take_up(self, read: Accounts) -> None:
        is_news = read != self._accounts or self.problem
        self._accounts, self.problem = read, ""
        if is_news:
            numbers = sum(len(one.numbers) for one in read)
            log.info("accounts_loaded", accounts=len(read), numbers=numbers)

    def _reject(self, problem: str) -> None:
        if problem != self.problem:
            log.error("accounts_rejected", problems=problem)
        self.problem = problem
