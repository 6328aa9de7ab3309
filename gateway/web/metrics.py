"""Metrics page: the store's counters in Prometheus's format."""

from collections.abc import Awaitable, Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.sending.send import QUEUE_OF
from gateway.store.monitoring.counters import Figures
from gateway.store.redis.client import StoreUnavailableError
from gateway.web.refusals import REASONS


class MetricsPage:
    """Page with the figures of all processes, as of now."""

    def __init__(self, read: Callable[[], Awaitable[Figures]]) -> None:
        """Take the reader of all figures, which may raise StoreUnavailableError."""
        self._read = read

    async def show(self, _: Request) -> Response:
        """Answer in Prometheus's text format, or 503 if the store is unavailable."""
        try:
            figures = await self._read()
        except StoreUnavailableError:  # No delivery was refused, so none is counted.
            return Response(status_code=503)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Snapshot(figures))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Snapshot(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        yield from _inbox(self._figures)
        yield from _counters(self._figures)
        yield from _sending(self._figures)
        yield from _canary(self._figures)


def _inbox(figures: Figures) -> Iterable[Metric]:
    kept = CounterMetricFamily("gateway_deliveries_kept", "Deliveries kept.", labels=["partition"])
    waiting = GaugeMetricFamily(
        "gateway_deliveries_waiting", "Deliveries not yet worked off.", labels=["partition"]
    )
    deferred = GaugeMetricFamily(
        "gateway_deliveries_aside", "Deliveries set aside.", labels=["partition"]
    )
    given_up = CounterMetricFamily(
        "gateway_deliveries_given_up", "Let go by a person, unworked.", labels=["partition"]
    )
    oldest = GaugeMetricFamily(
        "gateway_oldest_delivery_seconds", "Age of the oldest that waits.", labels=["partition"]
    )
    for one in figures.partitions:
        label = [str(one.index)]
        kept.add_metric(label, one.kept)
        waiting.add_metric(label, one.waiting)
        deferred.add_metric(label, one.deferred)
        given_up.add_metric(label, one.given_up)
        oldest.add_metric(label, one.oldest_s)
    return kept, waiting, deferred, given_up, oldest


def _counters(figures: Figures) -> Iterable[Metric]:
    # "events.message" and the like are one family each, with the last word as its label. Every
    # refusal reason is listed from the start, so that its first count shows as an increase.
    none_yet = {f"refused.{reason}": 0 for reason in REASONS}
    counters = {**none_yet, **figures.counts, **figures.web}
    for group, name, text, label in (
        ("refused", "gateway_deliveries_refused", "Requests refused.", "reason"),
        ("events", "gateway_events", "Events by kind; known means seen again.", "kind"),
        ("too_old", "gateway_too_old", "Events too old to be answered, by kind.", "kind"),
        ("actions", "gateway_actions_left_out", "Actions of rules not done.", "why"),
        ("sends", "gateway_sends", "Sends that reached a stage.", "stage"),
        ("categories", "gateway_priced_messages", "Messages by Meta's price category.", "category"),
        ("statuses", "gateway_statuses", "Statuses by what was odd about them.", "what"),
        ("sweep", "gateway_sweep_rang", "What the sweep found waiting and still.", "what"),
        (
            "notifications",
            "gateway_notifications",
            "Notifications by what became of them.",
            "stage",
        ),
        ("calls", "gateway_service_calls", "Calls of services by what became of them.", "stage"),
        ("forwards", "gateway_forwards", "Forwards by what became of them.", "stage"),
        ("dead", "gateway_dead_letters_lost", "Dead letters nobody can see any more.", "why"),
        ("workers", "gateway_workers_restarted", "Workers that died.", "worker"),
    ):
        family = CounterMetricFamily(name, text, labels=[label])
        for key, value in sorted(counters.items()):
            if key.startswith(f"{group}."):
                family.add_metric([key.removeprefix(f"{group}.")], value)
        yield family


def _sending(figures: Figures) -> Iterable[Metric]:
    labels = ["queue", "priority"]
    ready = GaugeMetricFamily("gateway_lanes_ready", "Lanes that hold sends.", labels=labels)
    oldest = GaugeMetricFamily(
        "gateway_oldest_lane_seconds", "How long the oldest lane is overdue.", labels=labels
    )
    for priority, queue in QUEUE_OF.items():
        lanes = figures.lanes(priority)
        ready.add_metric([queue, priority], lanes.ready)
        oldest.add_metric([queue, priority], lanes.overdue_s)
    notifications = GaugeMetricFamily(
        "gateway_notifications_waiting",
        "Notifications that nobody received yet.",
        value=sum(one.notifications for one in figures.numbers),
    )
    oldest_notification = GaugeMetricFamily(
        "gateway_oldest_notification_seconds",
        "Age of the oldest of them.",
        value=max((one.oldest_notification_s for one in figures.numbers), default=0.0),
    )
    calls = GaugeMetricFamily(
        "gateway_service_calls_waiting",
        "Calls of services that wait for their answer.",
        value=sum(one.calls for one in figures.numbers),
    )
    oldest_call = GaugeMetricFamily(
        "gateway_oldest_service_call_seconds",
        "Age of the oldest of them.",
        value=max((one.oldest_call_s for one in figures.numbers), default=0.0),
    )
    dead = GaugeMetricFamily(
        "gateway_dead_letters", "Dead letters.", value=sum(one.dead for one in figures.numbers)
    )
    unconfirmed = GaugeMetricFamily(
        "gateway_unconfirmed_sends",
        "Sends that wait for evidence.",
        value=sum(one.unconfirmed for one in figures.numbers),
    )
    waiting = notifications, oldest_notification, calls, oldest_call
    return ready, oldest, *waiting, dead, unconfirmed


def _canary(figures: Figures) -> Iterable[Metric]:
    for name, text, value in (
        ("gateway_canary_seconds", "How long the last canary was on its way.", "took_s"),
        ("gateway_canary_age_seconds", "How long ago the last canary arrived.", "age_s"),
    ):
        if (seconds := getattr(figures.canary, value)) is not None:
            yield GaugeMetricFamily(name, text, value=seconds)
