"""Recipients of a campaign as they are stored: four bytes each, a cell of the funnel and a code.

A campaign's send has an id that names the campaign and the recipient, so that whoever learns what
became of the send knows the recipient, also when the send's own row is gone.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.sending.send import ID_LENGTH

# In the order of the ladder, as Meta's statuses raise a send: what was delivered cannot fail any
# more. Each recipient is in exactly one cell.
CELLS = (
    "waiting", "queued", "attempting", "unconfirmed", "accepted", "sent", "failed", "delivered",
    "read", "expired", "cancelled", "not_needed",
)  # fmt: skip
# Stages of a send by the cell in which it puts its recipient, where the two have other names.
CELL_OF_STAGE = {
    "parked": "queued", "retrying": "queued", "played": "read", "dead": "failed",
    "dropped": "failed",
}  # fmt: skip
# To whom nothing was posted.
_UNWRITTEN = ("waiting", "queued", "expired", "cancelled", "not_needed")
CAMPAIGN_ID_LENGTH = 12
# Not a digit of base32, of which ids of other sends are made.
CAMPAIGN_MARK = "1"
_ROW_DIGITS = ID_LENGTH - len(CAMPAIGN_MARK) - CAMPAIGN_ID_LENGTH
RECIPIENT_BYTES = 4
MOST_CODE = 2**24 - 1  # in three bytes
RETRYING = MOST_CODE  # in place of a code: who is queued for another try
RECIPIENTS_PER_BUCKET = 60  # recipients of one hash that says when each was queued

# Failures that belong to the person, and say nothing about the campaign or the number.
PERSONAL_CODES = frozenset({131026, 131049, 131050, 130472, 131047, 131030})


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many recipients are in each cell; the sum is always the total."""

    cells: Mapping[str, int]
    skipped: Mapping[str, int] = field(default_factory=dict)  # never written to, by cause
    codes: Mapping[int, int] = field(default_factory=dict)  # failures by Meta's code, 0 for ours
    unposted: Mapping[int, int] = field(default_factory=dict)  # those of them without a post
    retrying: int = 0  # queued for another try, for a reason of their own

    def of(self, *cells: str) -> int:
        """Return how many recipients are in some cells."""
        return sum(self.cells.get(cell, 0) for cell in cells)

    @property
    def total(self) -> int:
        """Return how many recipients there are, with those that were skipped."""
        return sum(self.cells.values()) + sum(self.skipped.values())

    @property
    def written_count(self) -> int:
        """Return to how many recipients a message was posted, whatever became of it."""
        return self._begun - sum(self.unposted.values())

    @property
    def attempted(self) -> int:
        """Return how many stop rules judge: all but who failed without a post for their own reason.

        Who is passed, being unreachable, must not hide how many of the others fail.
        """
        own = sum(count for code, count in self.unposted.items() if code in PERSONAL_CODES)
        return self._begun - own

    @property
    def _begun(self) -> int:
        return sum(self.cells.values()) - self.of(*_UNWRITTEN)

    @property
    def pending(self) -> int:
        """Return of how many it is not known yet what becomes of them."""
        return self.of("waiting", "queued", "attempting")

    @property
    def reached(self) -> int:
        """Return how many recipients' messages Meta has."""
        return self.of("accepted", "sent", "delivered", "read")

    @property
    def failed_by_us(self) -> int:
        """Return how many failures are not the person's own."""
        return sum(count for code, count in self.codes.items() if code not in PERSONAL_CODES)


class RecipientState(NamedTuple):
    """The cell of a recipient, and Meta's code of a failure, 0 for none."""

    cell: str
    code: int


class CampaignRecipient(NamedTuple):
    """One recipient, and what became of them."""

    row: int
    phone: str  # digits or a user id, "" for a customer who was erased
    state: RecipientState
    send: str  # the id of the message, "" where none was queued
    answers: frozenset[str]  # the ways in which they answered


def campaign_send_id(campaign: str, row: int) -> str:
    """Return the id of the send to a recipient."""
    return f"{CAMPAIGN_MARK}{campaign}{row:0{_ROW_DIGITS}d}"


def read_campaign_send_id(id_: str) -> tuple[str, int] | None:
    """Return the campaign and the recipient's row of such a send, None for any other's id."""
    campaign, row = id_[1:-_ROW_DIGITS], id_[-_ROW_DIGITS:]
    is_one = id_.startswith(CAMPAIGN_MARK) and len(id_) == ID_LENGTH and row.isdecimal()
    return (campaign, int(row)) if is_one else None


def iter_states(packed: bytes) -> Iterator[RecipientState]:
    """Yield the recipients of a text of states, in order."""
    for start in range(0, len(packed) - RECIPIENT_BYTES + 1, RECIPIENT_BYTES):
        index, code = packed[start], int.from_bytes(packed[start + 1 : start + RECIPIENT_BYTES])
        cell = CELLS[index] if index < len(CELLS) else "waiting"
        yield RecipientState(cell, 0 if (cell, code) == ("queued", RETRYING) else code)


def find_recipients(
    packed: bytes, cells: Collection[str], code: int = 0
) -> Iterator[tuple[int, RecipientState]]:
    """Yield the places of recipients in a text of states who are in some cells, with their states.

    With a code only those who failed with it. What is not wanted costs no step of its own: a
    campaign has a million recipients, and perhaps 150 of them failed.
    """
    marks = _mark(packed[::RECIPIENT_BYTES], {CELLS.index(cell) for cell in cells})
    for i, part in enumerate(code.to_bytes(RECIPIENT_BYTES - 1) if code else b"", 1):
        marks &= _mark(packed[i::RECIPIENT_BYTES], {part})
    hits = marks.to_bytes(len(packed) // RECIPIENT_BYTES)
    place = hits.find(1)
    while place >= 0:
        start = place * RECIPIENT_BYTES
        (state,) = iter_states(packed[start : start + RECIPIENT_BYTES])
        yield place, state
        place = hits.find(1, place + 1)


def _mark(column: bytes, wanted: Collection[int]) -> int:
    """Return a number with a byte for each one of a column: 1 for those that are wanted."""
    return int.from_bytes(column.translate(bytes(value in wanted for value in range(256))))


def count_cells(packed: bytes) -> dict[str, int]:
    """Return how many recipients of a text of states are in each cell."""
    counts = Counter(packed[::RECIPIENT_BYTES])
    return {cell: counts.get(i, 0) for i, cell in enumerate(CELLS)}
