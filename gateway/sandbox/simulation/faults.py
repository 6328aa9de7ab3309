"""Faults on demand: what is to go wrong, how many times still, and for which number."""

from collections import defaultdict
from dataclasses import dataclass

from gateway.sandbox.errors import code_of
from gateway.sandbox.wire import Json

ON_REQUEST = "The sandbox was asked to."
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
    "code": ("code",),
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
    """One kind of fault, armed for so many times; for all numbers unless one is named."""

    times: int
    code: int = 0
    status: int = 0
    seconds: float = 0.0
    number: str = ""

    def show(self, name: str) -> object:
        """Give the fault in the form in which it is asked for."""
        if not _FORMS[name]:
            return self.times
        number = {"number": self.number} if self.number else {}
        return {key: getattr(self, key) for key in (*_FORMS[name], "times")} | number


class Faults:
    """The armed faults by name, and by the number that each is for."""

    def __init__(self) -> None:
        """Start with nothing armed."""
        self._armed: dict[tuple[str, str], Fault] = {}

    def arm(self, wishes: object) -> None:
        """Arm faults, each instead of an armed one of its name and number, all or none.

        Raises FaultError.
        """
        if not isinstance(wishes, dict) or not wishes:
            raise FaultError(f"Name at least one of {', '.join(_FORMS)}.")
        parsed = [
            _resolve_code(name, _parse_fault(name, wish))
            for name, given in wishes.items()
            for wish in (given if isinstance(given, list) else [given])
        ]
        self._armed.update({(name, fault.number): fault for name, fault in parsed})

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def take(self, name: str, number: str = "") -> Fault | None:
        """Use up one time of a fault, if it is armed; one for this number goes first."""
        if not self._armed:
            return None
        for key in ((name, number), (name, "")):
            fault = self._armed.get(key)
            if fault is not None and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def show(self) -> Json:
        """Give what is armed still; a list where a name is armed for several numbers."""
        armed: defaultdict[str, list[object]] = defaultdict(list)
        for (name, _), fault in self._armed.items():
            if fault.times:
                armed[name].append(fault.show(name))
        return {name: shown[0] if len(shown) == 1 else shown for name, shown in armed.items()}


def _resolve_code(name: str, fault: Fault) -> tuple[str, Fault]:
    """Make of a bare code the fault in the way that Meta tells this one."""
    if name != "code":
        return name, fault
    known = code_of(fault.code)
    fault.status = known.status
    return ("fail_status" if known.by_status else "error"), fault


def _parse_fault(name: str, wish: object) -> Fault:
    if name not in _FORMS:
        raise FaultError(f"There is no such fault; there are {', '.join(_FORMS)}.")
    if not _FORMS[name]:
        return Fault(**_check_ranges(name, {"times": wish}))
    if not isinstance(wish, dict):
        raise FaultError(f"{name} needs an object with {', '.join(_FORMS[name])} and times.")
    given = {"times": 1, **wish}
    number = given.pop("number", "")
    if name == "error" and type(given.get("code")) is int:
        given.setdefault("status", code_of(given["code"]).status)
    allowed = {*_FORMS[name], "times"}
    if set(given) != allowed or not isinstance(number, str):
        raise FaultError(f"{name} takes {', '.join(sorted({*allowed, 'number'}))}, nothing else.")
    return Fault(**_check_ranges(name, given), number=number)


def _check_ranges(name: str, given: Json) -> Json:
    for key, value in given.items():
        kind, least, most = _RANGES[key]
        right = isinstance(value, (int, kind)) and not isinstance(value, bool)
        if not right or not least <= value <= most:
            raise FaultError(f"{key} of {name} must be a number from {least} to {most}.")
    return given
