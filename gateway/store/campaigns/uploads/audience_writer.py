"""Audience writer: what was read becomes the audience of a draft.

A new audience is written beside the earlier one and takes its place in one step, so a file counts
whole or not at all; what an upload that was killed has written vanishes after a day.
All of it may raise StoreUnavailableError or ScriptError.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from gateway.core.campaigns.audience import SHOWN_PROBLEMS, AudienceReader, AudienceRow, RowProblem
from gateway.core.campaigns.zone_groups import ZoneSorter
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.audience import (
    CHUNK,
    chunk_key,
    count_chunks,
    problems_key,
)
from gateway.store.campaigns.campaigns import LIVES_MS, Campaign
from gateway.store.campaigns.uploads.lease import LAPSED, UploadLease, hold_upload
from gateway.store.campaigns.uploads.recipient_zones import iter_zoned
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.sending.lookup import run_commands

UPLOAD_LIVES_MS = keys.DAY_MS  # of chunks that no draft has yet
_REFUSALS: Mapping[bytes, str] = {
    b"lapsed": LAPSED,
    b"vanished": "a part of the audience vanished while the rest was read",
}
PROBLEMS_LIVE_MS = 7 * keys.DAY_MS


class AudienceRefusedError(Exception):
    """The campaign is no draft any more; the message says in which phase it is."""


def store_audience(
    store: Store,
    bodies: Bodies,
    campaign: Campaign,
    reader: AudienceReader,
    rows: Iterable[AudienceRow],
    home: str = "",
    sources: str = "",
) -> int:
    """Store the recipients that a reader yields, and give them to a draft; return how many.

    With quiet hours they are sorted by their zones; `home` is the account's. `sources` are those of
    a repetition, packed. `rows` reads nothing before the first of them is asked for, so that an
    erasure meanwhile makes another pass.
    Raises AudienceRefusedError, and whatever reading them raises; then nothing has changed.
    """
    with hold_upload(store, campaign.number) as lease:
        writer = _AudienceWriter(store, bodies, campaign, lease)
        try:
            groups = writer.write(rows, home)
            writer.write_problems(reader.problems)
        except BaseException:
            writer.drop()
            raise
        writer.adopt(reader, groups, sources)
        return writer.count


@dataclass(slots=True)
class _AudienceWriter:
    """One upload: its chunks, which a draft has once all of them are written."""

    store: Store
    bodies: Bodies
    campaign: Campaign
    lease: UploadLease
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    count: int = 0

    def write(self, rows: Iterable[AudienceRow], home: str) -> bytes:
        """Write the recipients in chunks; return their groups by zone, b"" without quiet hours."""
        sorter, zoned = ZoneSorter(CHUNK), iter_zoned(self.store, self.campaign, rows, home)
        encoded = ((zones, _encode(row)) for zones, row in zoned)
        for i, chunk in enumerate(sorter.iter_chunks(encoded)):
            packed = self.bodies.pack(b"[" + b",".join(chunk) + b"]")
            key = chunk_key(self.campaign, self.token, i)
            self.lease.write_chunk(key, packed, UPLOAD_LIVES_MS)
            self.count += len(chunk)
        return sorter.pack() if self.campaign.definition.quiet else b""

    def write_problems(self, problems: Sequence[RowProblem]) -> None:
        """Store the problems, if there are more than the campaign's own row has."""
        if len(problems) > SHOWN_PROBLEMS:
            packed = self.bodies.pack(orjson.dumps([tuple(one) for one in problems]))
            key = problems_key(self.campaign, self.token)
            self.store.run(lambda client: client.set(key, packed, px=PROBLEMS_LIVE_MS))

    def adopt(self, reader: AudienceReader, groups: bytes, sources: str) -> None:
        """Give the draft this audience, which lives as long as it from then on; drop the earlier.

        Without an answer the draft may have the new one, so what is stored of it stays: if it was
        not adopted, it vanishes by itself.
        """
        problems = [one._asdict() for one in reader.problems[:SHOWN_PROBLEMS]]
        fields = ["skipped", orjson.dumps(reader.skipped), "problems", orjson.dumps(problems)]
        fields += ["zones", groups, "retry_of", sources]
        head = [self.campaign.id, self.token, self.count, LIVES_MS, self.lease.name]
        chunks, number = count_chunks(self.count), keys.number(self.campaign.number)
        phase, earlier, had = self.store.call("adopt_audience", number, *head, chunks, *fields)
        if phase == b"draft":
            self._drop(earlier.decode(), had)
            return
        self.drop()
        if refusal := _REFUSALS.get(phase):
            raise StoreUnavailableError(refusal)
        raise AudienceRefusedError(phase.decode() or "forgotten")

    def drop(self) -> None:
        """Delete what was written; what this leaves vanishes by itself."""
        self._drop(self.token, self.count)

    def _drop(self, token: str, count: int) -> None:
        if not token:
            return
        names = [chunk_key(self.campaign, token, chunk) for chunk in range(count_chunks(count) + 1)]
        names.append(problems_key(self.campaign, token))
        run_commands(self.store, *(("UNLINK", name) for name in names))


def _encode(row: AudienceRow) -> bytes:
    return orjson.dumps((row.phone, row.values))
