"""Faults on request: what is to go wrong, how many more times, how likely, for which number."""

import random
from collections import defaultdict
from collections.abc import Mapping

from pydantic import BaseModel, Field, ValidationError

from gateway.sandbox.errors import code_of
from gateway.sandbox.fields import explain_error
from gateway.sandbox.wire import Json

ON_REQUEST = "The sandbox was asked to."

# The fields of each fault; one without fields is written as its number of times.
_FORMS: Mapping[str, tuple[str, ...]] = {
    "lose": (),
    "duplicate": (),
    "reorder": (),
    "error": ("code", "status"),
    "http": ("status",),
    "slow": ("seconds",),
    "fail_status": ("code",),
    "code": ("code",),
}
_ALWAYS = ("times", "number", "probability")
# Beside the faults: what the sequence of chances begins with, so that a run can be repeated.
_SEED = "seed"
_SEED_MAX = 2**32


class FaultError(ValueError):
    """A requested fault is invalid; the message is one sentence."""


class Fault(BaseModel):
    """One kind of fault, armed for a number of times; for all phone numbers unless one is named."""

    times: int = Field(1, strict=True, ge=0, le=1_000_000, description="a number from 0 to 1000000")
    code: int = Field(0, strict=True, ge=0, le=10**8, description="a number from 0 to 100000000")
    status: int = Field(0, strict=True, ge=400, le=599, description="a number from 400 to 599")
    seconds: float = Field(0, strict=True, ge=0, le=600, description="a number from 0 to 600")
    number: str = Field("", description="the id of a phone number")
    probability: float = Field(
        1, strict=True, gt=0, le=1, description="a number above 0, up to 1 for always"
    )

    def show(self, name: str) -> object:
        """Return the fault in the form in which it is requested."""
        optional: Json = {"number": self.number} if self.number else {}
        if self.probability < 1:
            optional["probability"] = self.probability
        if not _FORMS[name] and not optional:
            return self.times
        return {key: getattr(self, key) for key in (*_FORMS[name], "times")} | optional


class Faults:
    """Armed faults by name, and by the phone number that each is for."""

    def __init__(self) -> None:
        """Start with nothing armed."""
        self._armed: dict[tuple[str, str], Fault] = {}
        self._chances = random.Random()  # noqa: S311 - a seed must give the same faults again

    def arm(self, wishes: object) -> None:
        """Arm faults, all or none; each replaces an armed one of the same name and phone number.

        A `seed` beside them starts the sequence of chances anew. Raises FaultError.
        """
        if not isinstance(wishes, dict) or not wishes:
            raise FaultError(f"Name at least one of {', '.join(_FORMS)}.")
        seed, wishes = wishes.get(_SEED), {key: wishes[key] for key in wishes if key != _SEED}
        if seed is not None and (type(seed) is not int or not 0 <= seed < _SEED_MAX):
            raise FaultError(f"seed must be a whole number from 0 to {_SEED_MAX - 1}.")
        parsed = [
            _resolve_code(name, _parse_fault(name, wish))
            for name, given in wishes.items()
            for wish in (given if isinstance(given, list) else [given])
        ]
        self._armed.update({(name, fault.number): fault for name, fault in parsed})
        if seed is not None:
            self._chances.seed(seed)

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def take(self, name: str, number: str = "") -> Fault | None:
        """Use up one time of a fault, if it is armed; one for this phone number goes first.

        One that is armed with a probability is used up only when it happens.
        """
        if not self._armed:
            return None
        for key in ((name, number), (name, "")):
            fault = self._armed.get(key)
            if fault is not None and fault.times > 0 and self._happens(fault):
                fault.times -= 1
                return fault
        return None

    def _happens(self, fault: Fault) -> bool:
        return fault.probability >= 1 or self._chances.random() < fault.probability

    def show(self) -> Json:
        """Return the faults still armed; a list if a name is armed for several phone numbers."""
        armed: defaultdict[str, list[object]] = defaultdict(list)
        for (name, _), fault in self._armed.items():
            if fault.times:
                armed[name].append(fault.show(name))
        return {name: shown[0] if len(shown) == 1 else shown for name, shown in armed.items()}


def _resolve_code(name: str, fault: Fault) -> tuple[str, Fault]:
    """Add the status of a code; turn a bare code into the fault by which Meta reports it."""
    known = code_of(fault.code)
    if name in ("error", "code"):
        fault.status = fault.status or known.status
    if name == "code":
        name = "fail_status" if known.by_status else "error"
    return name, fault


def _parse_fault(name: str, wish: object) -> Fault:
    if name not in _FORMS:
        raise FaultError(f"There is no such fault; there are {', '.join(_FORMS)}.")
    needed = set(_FORMS[name])
    if needed and not isinstance(wish, dict):
        raise FaultError(f"{name} needs an object with {', '.join(_FORMS[name])} and times.")
    given = wish if isinstance(wish, dict) else {"times": wish}
    optional = {*_ALWAYS, "status"} if name == "error" else {*_ALWAYS}
    if not needed - optional <= set(given) <= needed | optional:
        raise FaultError(f"{name} takes {', '.join(sorted({*needed, *_ALWAYS}))}, nothing else.")
    try:
        return Fault.model_validate(given)
    except ValidationError as error:
        raise FaultError(f"Of {name}, {explain_error(Fault, error)}") from None
