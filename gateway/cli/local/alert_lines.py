"""Alerts as lines of `gateway dev`: their text is in the store and not in the log."""

from collections.abc import Iterator, Mapping

from gateway.cli.local.log_line import BAD, GOOD, ODD, LogLine
from gateway.core.alerts import Alert
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError


class AlertLines:
    """Reads which alerts hold, and renders those that begin and end."""

    def __init__(self, store: Store) -> None:
        """Take the store of the gateway that runs."""
        self._store = store
        self._shown: Mapping[str, Alert] = {}

    def read_new(self) -> list[LogLine]:
        """Return a line for each alert that began, was reworded or ended since the last call."""
        try:
            current = self._read_active()
        except (StoreUnavailableError, ScriptError):
            return []  # what is wrong with the store is shown elsewhere
        before, self._shown = self._shown, current
        return list(render_changes(before, current))

    def _read_active(self) -> dict[str, Alert]:
        """Return alerts by the key of their cause: reported ones, and those noted since."""
        seconds, _ = self._store.run(lambda client: client.time())
        rows = alert_store.read_rows(self._store)
        begun = {key: row.state.alert for key, row in rows.items() if not row.state.until_ms}
        return begun | alert_store.active_alerts(self._store, int(seconds) * 1000)


def render_changes(before: Mapping[str, Alert], current: Mapping[str, Alert]) -> Iterator[LogLine]:
    """Yield a line for each alert that is new or has another text, and for each that is over."""
    for key, alert in current.items():
        if key not in before or before[key].title != alert.title:
            style = BAD if alert.severity == "critical" else ODD
            yield LogLine(f"alert   {_name(alert)}: {alert.title} {alert.advice}".rstrip(), style)
    for key, alert in before.items():
        if key not in current:
            yield LogLine(f"alert   {_name(alert)} is over", GOOD)


def _name(alert: Alert) -> str:
    return f"{alert.cause.kind} {alert.cause.detail}".rstrip()
