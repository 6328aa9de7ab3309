"""Faults as they are written for `gateway sandbox`."""

from typing import Any

import pytest

from gateway.cli.develop.fault_words import PRESETS, UNTIL_CLEARED, read_fault
from gateway.sandbox.simulation.faults import FaultError, Faults

READ: dict[str, tuple[str, dict[str, Any]]] = {
    "lose": ("lose", {}),
    "lose=0.05": ("lose", {"probability": 0.05}),
    "slow:2.5": ("slow", {"seconds": 2.5}),
    "code:131026=0.1": ("code", {"code": 131026, "probability": 0.1}),
    "http:502": ("http", {"status": 502}),
}


@pytest.mark.parametrize("written", READ)
def test_a_fault_is_read_and_holds_until_it_is_cleared(written: str) -> None:
    name, fields = READ[written]

    assert read_fault(written) == (name, {"times": UNTIL_CLEARED, **fields})


@pytest.mark.parametrize(
    "written", ["", "lose:2", "slow", "code:1.5", "slow:1.2.3", "lose=", "LOSE", "lose=0.1.2"]
)
def test_a_fault_that_is_written_wrongly_is_refused(written: str) -> None:
    with pytest.raises(FaultError, match="Write a fault as"):
        read_fault(written)


@pytest.mark.parametrize("preset", [fault for fault, _ in PRESETS])
def test_the_sandbox_takes_each_fault_of_the_page(preset: str) -> None:
    name, wish = read_fault(preset)

    Faults().arm({name: wish, "seed": 1})
