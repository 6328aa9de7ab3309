"""Workers that lost their broker are back soon after it is."""

import pytest
from celery import Celery
from kombu.utils import functional

from tasks.celery_setup.config import config
from tasks.celery_setup.consumer import Consumer
from tests.support.servers import free_port
from tests.tasks.test_config import settings


class EnoughError(Exception):
    """A minute is over."""


def test_a_broker_that_is_away_is_tried_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Celery("test", set_as_current=False)
    app.config_from_object(config(settings(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) >= 60:
            raise EnoughError

    monkeypatch.setattr(functional, "sleep", sleep)
    consumer = Consumer.__new__(Consumer)
    consumer.app = app

    with pytest.raises(EnoughError):
        consumer.ensure_connected(app.connection_for_read())

    assert app.conf.worker_consumer == "tasks.celery_setup.consumer:Consumer"
    assert consumer.broker_connection_retry_attempt >= 60 / 5
