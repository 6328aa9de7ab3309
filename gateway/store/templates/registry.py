"""Registry of one WhatsApp account's templates: its list as fetched, and the news since then.

Methods may raise StoreUnavailableError or ScriptError. A damaged row is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.core.templates.graph_form import pack_template, unpack_template
from gateway.core.templates.news import FACTS, TemplateNews, apply_news
from gateway.core.templates.sync_schedule import RegistryState
from gateway.core.templates.template import STOPPED, MetaTemplate, split_key
from gateway.core.webhook.notice_readers import IN_TIME
from gateway.store import keys
from gateway.store.redis.client import Store

# Meta's most are some 6,000 templates in an account; of each there are four facts.
MOST_NEWS = 40_000
MOST_FALLS = 1_000  # the newest of 30 days
STAGED_MS = 600_000
READ_AT_ONCE = 200
# A refusal says that Meta has stopped a template, and nothing says when that ends, unless webhooks
# or the list do.
REFUSAL_LASTS = timedelta(hours=1)
_STATE = ("version", "count", "fetched_at", "tried_at", "error", "wanted_at")


@dataclass(frozen=True, slots=True)
class TemplateRegistry:
    """The templates of one WhatsApp account."""

    store: Store
    waba: str

    @property
    def prefix(self) -> str:
        """Return the prefix of its keys, which share a slot."""
        return keys.templates(self.waba)

    def read_state(self) -> tuple[RegistryState, datetime]:
        """Return what is known of the list, and the server's time."""
        values: Any = self.store.run(lambda client: client.hmget(f"{self.prefix}state", _STATE))
        seconds, micros = self.store.run(lambda client: client.time())
        now = datetime_from_ms(int(seconds) * 1000 + int(micros) // 1000)
        return _parse_state(values), now

    def read_words(self) -> dict[str, str]:
        """Return the status of every template, in Meta's words, by key."""
        words: Any = self.store.run(lambda client: client.hgetall(f"{self.prefix}words"))
        return {key.decode(): word.decode() for key, word in words.items()}

    def read_stopped(self) -> dict[str, datetime | None]:
        """Return the templates that Meta has stopped, and until when that is believed at most."""
        rows: Any = self.store.run(lambda client: client.hgetall(f"{self.prefix}stopped"))
        return {
            key.decode(): _parse_moment(till) if till != b"0" else None
            for key, till in rows.items()
            if till == b"0" or _parse_moment(till)
        }

    def read(self, wanted: Sequence[str], state: RegistryState) -> list[MetaTemplate]:
        """Return those of the wanted keys that are known, with their news."""
        found: list[MetaTemplate] = []
        for start in range(0, len(wanted), READ_AT_ONCE):
            found += self._read_some(wanted[start : start + READ_AT_ONCE], state)
        return found

    def _read_some(self, wanted: Sequence[str], state: RegistryState) -> Iterator[MetaTemplate]:
        fields = [f"{fact} {key}" for key in wanted for fact in FACTS]
        rows: Any = self.store.run(lambda client: client.hmget(f"{self.prefix}rows", wanted))
        news: Any = self.store.run(lambda client: client.hmget(f"{self.prefix}news", fields))
        for i, (key, row) in enumerate(zip(wanted, rows, strict=True)):
            own = zip(FACTS, news[i * len(FACTS) : (i + 1) * len(FACTS)], strict=True)
            found = apply_news(
                _unpack(row, state.fetched_at),
                [one for fact, raw in own if (one := _parse_news(key, fact, raw))],
            )
            if found:
                yield found

    def note_news(self, news: TemplateNews, *, lasts: timedelta | None = None) -> bool:
        """Record news of a template; false where something newer is known.

        With `lasts` its sends wait for so long at most, else until the template changes again.
        """
        value = {"value": news.value, "reason": news.reason, "source": news.source}
        word = news.value if news.fact == "status" else ""
        wait = 0 if word not in STOPPED else int(lasts.total_seconds() * 1000) if lasts else -1
        at = "" if news.source == "refusal" else ms_from_datetime(news.at)
        args = (news.key, news.fact, at, orjson.dumps(value), word, wait, MOST_NEWS)
        return int(self.store.call("note_news", self.prefix, *args)) == 1

    def note_fall(self, news: TemplateNews, *, replayed: bool = False) -> None:
        """Record that the quality of a template fell, which no list says.

        Falls stay when a list takes the place of all other news. One that came late, or was
        replayed, counts for what was under way at its moment only.
        """
        seconds, micros = self.store.run(lambda client: client.time())
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        at_ms = min(ms_from_datetime(news.at), now_ms)
        is_in_time = not replayed and now_ms - at_ms <= IN_TIME.total_seconds() * 1000
        key = f"{self.prefix}falls"

        def write(client: Any) -> None:
            pipe = client.pipeline(transaction=True)
            pipe.zadd(key, {f"{news.value} {news.key}": now_ms if is_in_time else at_ms}, gt=True)
            pipe.zremrangebyrank(key, 0, -MOST_FALLS - 1)
            pipe.pexpire(key, keys.MONTH_MS)
            pipe.execute()

        self.store.run(write)

    def read_falls(self, key: str, since: datetime) -> dict[str, datetime]:
        """Return to which words the quality of a template fell since a moment, the latest first."""
        least = ms_from_datetime(since)
        rows: Any = self.store.run(
            lambda client: client.zrevrangebyscore(
                f"{self.prefix}falls", "+inf", f"({least}", withscores=True
            )
        )
        split = [(*row.decode().split(" ", 1), int(at)) for row, at in rows]
        return {word: datetime_from_ms(at) for word, its_key, at in split if its_key == key}

    def want(self) -> None:
        """Ask for another list, which the next look at what is due fetches."""
        seconds, _ = self.store.run(lambda client: client.time())
        now_ms = int(seconds) * 1000 + 999
        self.store.run(lambda client: client.hset(f"{self.prefix}state", "wanted_at", now_ms))

    def begin_fetch(self, holder: str, lasts_ms: int) -> bool:
        """Claim the fetch, or renew the claim; false where another process fetches."""
        return bool(self.store.call("leader", f"{self.prefix}fetching", holder, lasts_ms))

    def end_fetch(self, holder: str) -> None:
        """Give the claim up."""
        self.store.call("leader", f"{self.prefix}fetching", holder, 0)

    def clear_staged(self) -> None:
        """Remove what a fetch before this one may have left."""
        names = [f"{self.prefix}incoming:{what}" for what in ("rows", "words")]
        self.store.run(lambda client: client.unlink(*names))

    def stage(self, templates: Sequence[MetaTemplate]) -> None:
        """Store a page of the list beside the one in force."""
        if not templates:
            return
        rows = {one.key: pack_template(one) for one in templates}
        words = {one.key: one.status for one in templates}

        def write(client: Any) -> None:
            pipe = client.pipeline(transaction=False)
            for what, values in (("rows", rows), ("words", words)):
                pipe.hset(f"{self.prefix}incoming:{what}", mapping=values)
                pipe.pexpire(f"{self.prefix}incoming:{what}", STAGED_MS)
            pipe.execute()  # raises if one of them failed

        self.store.run(write)

    def replace(self, holder: str, began: datetime, count: int, stopped: Sequence[str]) -> bool:
        """Put what was staged in force; false where another process has taken the fetch over."""
        args = (holder, ms_from_datetime(began), count, *stopped)
        return bool(self.store.call("replace_list", self.prefix, *args))

    def note_failure(self, error: str) -> None:
        """Record that the list could not be fetched; the one in force stays."""
        seconds, _ = self.store.run(lambda client: client.time())
        fields: Any = {"tried_at": int(seconds) * 1000, "error": error}
        self.store.run(lambda client: client.hset(f"{self.prefix}state", mapping=fields))


def _parse_state(values: Sequence[bytes | None]) -> RegistryState:
    version, count, fetched_at, tried_at, error, wanted_at = values
    moments = [_parse_moment(one) for one in (fetched_at, tried_at, wanted_at)]
    return RegistryState(
        _parse_count(version),
        _parse_count(count),
        moments[0],
        moments[1],
        (error or b"").decode(errors="replace"),
        moments[2],
    )


def _parse_count(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() else 0


def _parse_moment(value: bytes | None) -> datetime | None:
    """Return a moment, None also for a damaged one: it must stop no send of the account."""
    try:
        return datetime_from_ms(value) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def _unpack(row: bytes | None, seen_at: datetime | None) -> MetaTemplate | None:
    try:
        return unpack_template(row, seen_at) if row else None
    except (ValueError, KeyError, TypeError):
        return None


def _parse_news(key: str, fact: Any, raw: bytes | None) -> TemplateNews | None:
    try:
        at, _, packed = (raw or b"").split(b"|", 2)
        value = orjson.loads(packed)
        name, language = split_key(key)
        return TemplateNews(
            name,
            language,
            fact,
            str(value["value"]),
            datetime_from_ms(at),
            str(value.get("reason", "")),
            value.get("source", "webhook"),
        )
    except (ValueError, KeyError, TypeError):
        return None
