"""Damage log: reports a message whose row cannot be read, once in the life of the process."""

from dataclasses import dataclass, field

import structlog

from gateway.store.api.sent_messages import SentMessage

log = structlog.get_logger(__name__)

MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class DamageLog:
    """Remembers which messages it has reported."""

    _reported: set[str] = field(default_factory=set)

    def report(self, message: SentMessage) -> None:
        """Log a damaged message, unless it was logged before or a thousand others were."""
        id_ = message.send.id
        if id_ in self._reported or len(self._reported) >= MOST_REMEMBERED:
            return
        self._reported.add(id_)
        log.error("message_damaged", number=message.number, send=id_, reason=message.send.damage)
