"""Upload of an audience: a file is read, and its recipients are given to a draft."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from gateway.core.campaigns.audience import PHONE, SHOWN_PROBLEMS, AudienceReader
from gateway.core.campaigns.retry_source import Scope
from gateway.core.tables.phone_cells import TableError
from gateway.core.tables.phone_columns import ColumnError
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.campaigns import Campaign, read_campaign
from gateway.store.campaigns.uploads.audience_writer import AudienceRefusedError, store_audience
from gateway.store.campaigns.uploads.known_customers import KnownCustomers, iter_rows
from gateway.store.campaigns.uploads.repetition import repeat_campaign
from gateway.store.redis.client import Store
from gateway.tables.table import read_table

MAP_HINT = "Or say which column it is with map, as in phone=COLUMN."


class Home(NamedTuple):
    """Where the account is that sends: for national numbers, and numbers of unknown zones."""

    country: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class TableForm:
    """How a file is to be read: its encoding, "" to see it, and its columns with other names."""

    encoding: str = ""
    column_map: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What a file held; with an error nothing of it counts."""

    recipients: int = 0
    reader: AudienceReader = field(default_factory=lambda: AudienceReader(frozenset()))
    error: str = ""
    phase: str = ""  # that forbids it

    def view(self) -> dict[str, Any]:
        """Return what clients and operators see of it."""
        return {
            "recipients": self.recipients,
            "rows": self.reader.rows,
            "skipped": dict(sorted(self.reader.skipped.items())),
            "repaired": self.reader.repaired,
            "problems": [one._asdict() for one in self.reader.problems],
        }


def store_file(
    store: Store, bodies: Bodies, campaign: Campaign, file: BinaryIO, form: TableForm, home: Home
) -> UploadResult:
    """Read a file into a draft. Raises StoreUnavailableError or ScriptError."""
    definition = campaign.definition
    has_zones, column_map = bool(definition.quiet), form.column_map
    reader = AudienceReader(definition.columns, home.country, has_zones, column_map)
    rows = read_table(file, form.encoding, column_map.get(PHONE, ""))
    return _store_rows(store, bodies, campaign, reader, rows, home.zone)


def store_known(
    store: Store, bodies: Bodies, campaign: Campaign, customers: KnownCustomers, home: Home
) -> UploadResult:
    """Give a draft customers that its number knows. Raises StoreUnavailableError or ScriptError."""
    definition = campaign.definition
    reader = AudienceReader(definition.columns, home.country, column_map={PHONE: PHONE})
    rows = iter_rows(store, campaign.number, customers, reader)
    return _store_rows(store, bodies, campaign, reader, rows, home.zone)


def _store_rows(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    reader: AudienceReader,
    given: Iterable[tuple[int, dict[str, str]]],
    zone: str,
) -> UploadResult:
    try:
        count = store_audience(store, bodies, campaign, reader, reader.read(given), zone)
    except ColumnError as error:
        return UploadResult(error=f"{error} {MAP_HINT}")
    except TableError as error:
        return UploadResult(error=str(error))
    except AudienceRefusedError as error:
        return UploadResult(phase=str(error))
    reader.seen.clear()
    del reader.problems[SHOWN_PROBLEMS:]  # the store has them
    return UploadResult(count, reader)


def store_known_by_id(
    redis_url: str, keys: Sequence[bytes], id_: str, customers: KnownCustomers, home: Home
) -> UploadResult:
    """Do so in a process of its own: a look at a million contacts takes a while."""
    with _opened(redis_url, keys, id_) as (store, bodies, campaign):
        if campaign is None:
            return UploadResult(phase="forgotten")
        return store_known(store, bodies, campaign, customers, home)


def repeat_by_id(
    redis_url: str, keys: Sequence[bytes], id_: str, scope: Scope, codes: Sequence[int], zone: str
) -> str:
    """Make the repetition of a campaign in a process of its own; return its id, "" without one."""
    with _opened(redis_url, keys, id_) as (store, bodies, campaign):
        return repeat_campaign(store, bodies, campaign, scope, codes, zone) if campaign else ""


def store_path(
    redis_url: str, keys: Sequence[bytes], id_: str, path: Path, form: TableForm, home: Home
) -> UploadResult:
    """Read a file in a process of its own: a million rows must not hold up an event loop."""
    with _opened(redis_url, keys, id_) as (store, bodies, campaign):
        if campaign is None:
            return UploadResult(phase="forgotten")
        with path.open("rb") as file:
            return store_file(store, bodies, campaign, file, form, home)


@contextmanager
def _opened(
    redis_url: str, keys: Sequence[bytes], id_: str
) -> Iterator[tuple[Store, Bodies, Campaign | None]]:
    """Yield a store of this process, how its bodies are opened, and a campaign if it is there."""
    store, bodies = Store(redis_url), Bodies(keys)
    try:
        yield store, bodies, read_campaign(store, bodies, id_)
    finally:
        store.close()
