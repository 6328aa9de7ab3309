"""Workers do not look for garbage among the objects of their start."""

import gc
from collections.abc import Iterator
from importlib import import_module

import pytest
from celery.signals import worker_init

from tasks.processes.garbage import OBJECTS_BETWEEN_LOOKS, exempt_startup_objects

app = import_module("tasks.app")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_objects_of_the_start_are_exempt_and_later_ones_are_collected() -> None:
    exempt_startup_objects()
    exempt = gc.get_freeze_count()
    loop: list[object] = []
    loop.append(loop)
    identity = id(loop)

    assert exempt > 10_000
    assert gc.get_threshold()[0] == OBJECTS_BETWEEN_LOOKS
    assert any(id(one) == identity for one in gc.get_objects())
    del loop
    assert gc.collect() >= 1
    # Some of them end by themselves meanwhile; none is given back to the search for garbage.
    assert 0.9 * exempt < gc.get_freeze_count() <= exempt


def test_a_worker_exempts_them_at_its_start_after_its_checks() -> None:
    receivers = [receiver() for _, receiver in worker_init.receivers]

    assert receivers.index(exempt_startup_objects) > receivers.index(app.run_startup_checks)
