"""Chat log of one phone: its events, folded into the lines that a page shows; pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.messages.rendering.content import text_in

Event = Mapping[str, Any]
OK = 200


@dataclass(frozen=True, slots=True)
class ReplyReason:
    """Why something was answered, or not: in one line, with a line for each rule that was tried."""

    summary: str
    tried: tuple[str, ...] = ()


@dataclass(slots=True)
class ChatLine:
    """One message on the screen, or a note about one that is not on it.

    `number` is that of its first event and names the line; `seq` is that of the last event that
    changed it. `stage` is Meta's last status, or what became of the customer's own message.
    """

    number: int
    seq: int
    kind: str  # written, message, failed, refused or notification
    at: float = 0.0
    id: str = ""
    business: str = ""  # the phone number id of the business
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stage: str = ""
    note: str = ""
    times: int = 1
    quoted: "ChatLine | None" = field(default=None, repr=False)
    reactions: dict[str, str] = field(default_factory=dict)  # by who reacted
    reason: ReplyReason | None = field(default=None, repr=False)
    answered_ms: int | None = None
    console: str = ""  # the address of the console that shows everything of it


@dataclass(slots=True)
class ChatLog:
    """Lines of a phone in their order, and whether the business is typing."""

    lines: list[ChatLine] = field(default_factory=list)
    is_typing: bool = False
    seq: int = 0

    def find(self, number: int) -> ChatLine | None:
        """Return the line of a number, None if it is not there any more."""
        return next((line for line in self.lines if line.number == number), None)

    def by_id(self, wamid: str) -> ChatLine | None:
        """Return the newest line of a message id."""
        return next((line for line in reversed(self.lines) if wamid and line.id == wamid), None)

    def replies_to(self, line: ChatLine) -> list[ChatLine]:
        """Return what the business sent after a line, until the customer wrote again."""
        following = self.lines[self.lines.index(line) + 1 :]
        end = next((nth for nth, one in enumerate(following) if one.kind == "written"), None)
        return [one for one in following[:end] if one.kind == "message"]


def read_log(events: Iterable[Event]) -> ChatLog:
    """Fold the events of a phone into its log."""
    log = ChatLog()
    for event in events:
        log.seq = event["seq"]
        if reader := _READERS.get(event["kind"]):
            reader(log, event)
    return log


def _write(log: ChatLog, event: Event) -> None:
    message = event["message"]
    if message.get("type") == "reaction":
        _react(log, event, message, "customer")
        return
    quoted = log.by_id(text_in(message, "context", "id"))
    log.lines.append(_line(event, message, stage="sent", quoted=quoted))


def _receive(log: ChatLog, event: Event) -> None:
    body, log.is_typing = {"type": "text", **event["body"]}, False
    if body["type"] == "reaction":
        _react(log, event, body, "business")
        return
    quoted = log.by_id(text_in(body, "context", "message_id"))
    log.lines.append(_line(event, body, quoted=quoted))


def _line(event: Event, body: Mapping[str, Any], **more: Any) -> ChatLine:
    seq = event["seq"]
    names = {"id": event.get("id", ""), "business": event.get("number", "")}
    return ChatLine(seq, seq, event["kind"], event.get("at", 0.0), body=body, **names, **more)


def _react(log: ChatLog, event: Event, body: Mapping[str, Any], who: str) -> None:
    if line := log.by_id(text_in(body, "reaction", "message_id")):
        line.reactions.pop(who, None)
        if emoji := text_in(body, "reaction", "emoji"):
            line.reactions[who] = emoji
        line.seq = event["seq"]


def _fail(log: ChatLog, event: Event) -> None:
    body = {"type": "text", **event["body"]}
    note = f"({event['code']}) {event['title']}"
    last = log.lines[-1] if log.lines else None
    if last and (last.kind, last.note, last.body) == (event["kind"], note, body):
        last.times, last.seq = last.times + 1, event["seq"]
        return
    log.lines.append(_line(event, body, note=note))


def _notify(log: ChatLog, event: Event) -> None:
    log.lines.append(_line(event, {"type": "text", "text": {"body": event["text"]}}))


def _deliver(log: ChatLog, event: Event) -> None:
    """Note how the webhook of the customer's own message fared."""
    if line := log.by_id(event["message_id"]):
        line.seq = event["seq"]
        status = event["http_status"]
        if status == OK:
            line.stage, line.note = "delivered" if line.stage == "sent" else line.stage, ""
        elif line.stage == "sent":
            outcome = f"answered {status}" if status else "gave no answer"
            line.note = f"the webhook {outcome}; Meta delivers it again"


def _note_stage(log: ChatLog, event: Event) -> None:
    if line := log.by_id(event["message_id"]):
        line.stage, line.seq = event.get("status", "read"), event["seq"]


def _lose(log: ChatLog, event: Event) -> None:
    if line := log.by_id(event["message_id"]):
        line.note, line.seq = "Meta took it, and its answer was lost", event["seq"]


def _type(log: ChatLog, _: Event) -> None:
    log.is_typing = True


def _explain(log: ChatLog, event: Event) -> None:
    """Put the reason beside the answers, or beside the customer's message if there are none."""
    asked = log.by_id(event["message_id"])
    answers = [line for wamid in event["answers"] if (line := log.by_id(wamid))]
    own = [asked] if asked else []
    for line in (*own, *answers):
        line.console, line.seq = event["console"], event["seq"]
    for line in answers or own:
        line.reason, line.seq = ReplyReason(event["summary"], tuple(event["tried"])), event["seq"]
        if answers and asked:
            line.answered_ms = max(0, round((line.at - asked.at) * 1000))


_READERS: Mapping[str, Callable[[ChatLog, Event], None]] = {
    "written": _write,
    "message": _receive,
    "failed": _fail,
    "refused": _fail,
    "notification": _notify,
    "webhook": _deliver,
    "status": _note_stage,
    "read": _note_stage,
    "lost": _lose,
    "typing": _type,
    "explanation": _explain,
}
