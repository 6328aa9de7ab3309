"""Faults on demand: what is to go wrong, and how many times still."""

from dataclasses import dataclass

from gateway.sandbox.wire import Json

_TIMES_MAX = 1_000_000
_SECONDS_MAX = 600

# The fields that each fault needs; one without fields is written as its number of times.
_FORMS: dict[str, tuple[str, ...]] = {
    "lose": (),
    "duplicate": (),
    "reorder": (),
    "error": ("code", "status"),
    "http": ("status",),
    "slow": ("seconds",),
    "fail_status": ("code",),
}
_RANGES: dict[str, tuple[type, float, float]] = {
    "times": (int, 0, _TIMES_MAX),
    "code": (int, 0, 10**8),
    "status": (int, 400, 599),
    "seconds": (float, 0, _SECONDS_MAX),
}


class FaultError(ValueError):
    """The wish for a fault cannot be understood; the message is one sentence."""


@dataclass(slots=True)
class Fault:
    """One kind of fault, armed for so many times."""

    times: int
    code: int = 0
    status: int = 0
    seconds: float = 0.0


class Faults:
    """The armed faults by name."""

    def __init__(self) -> None:
        """Start with nothing armed."""
        self._armed: dict[str, Fault] = {}

    def arm(self, wishes: object) -> None:
        """Arm faults, each instead of an armed one of its name, all or none; raise FaultError."""
        if not isinstance(wishes, dict) or not wishes:
            raise FaultError(f"Name at least one of {', '.join(_FORMS)}.")
        self._armed.update({name: _read(name, wish) for name, wish in wishes.items()})

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def take(self, name: str) -> Fault | None:
        """Use up one time of a fault, if it is armed."""
        fault = self._armed.get(name)
        if fault is None or fault.times < 1:
            return None
        fault.times -= 1
        return fault

    def show(self) -> Json:
        """Give what is armed still, in the form in which it is asked for."""
        return {
            name: {key: getattr(fault, key) for key in (*_FORMS[name], "times")}
            if _FORMS[name]
            else fault.times
            for name, fault in self._armed.items()
            if fault.times
        }


def _read(name: str, wish: object) -> Fault:
    if name not in _FORMS:
        raise FaultError(f"There is no such fault; there are {', '.join(_FORMS)}.")
    if not _FORMS[name]:
        return Fault(**_ranged(name, {"times": wish}))
    if not isinstance(wish, dict):
        raise FaultError(f"{name} needs an object with {', '.join(_FORMS[name])} and times.")
    allowed = {*_FORMS[name], "times"}
    given = {"times": 1, **({"status": 400} if name == "error" else {}), **wish}
    if set(given) != allowed:
        raise FaultError(f"{name} takes {', '.join(sorted(allowed))} and nothing else.")
    return Fault(**_ranged(name, given))


def _ranged(name: str, given: Json) -> Json:
    for key, value in given.items():
        kind, least, most = _RANGES[key]
        right = isinstance(value, (int, kind)) and not isinstance(value, bool)
        if not right or not least <= value <= most:
            raise FaultError(f"{key} of {name} must be a number from {least} to {most}.")
    return given
