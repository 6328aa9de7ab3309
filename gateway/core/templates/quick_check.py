"""Quick check of a message against its template: most messages fit, and that is seen at a glance.

What does not fit at a glance is looked at closely (`find_mismatches`), which says what is wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.core.templates.given import MEDIA_OR_PLACE, ODD_SPACES
from gateway.core.templates.parameters import BODY, HEADER, TEXT, TemplateParameter

_VALUE_OF = {TEXT: "text", "payload": "payload", "coupon_code": "coupon_code"}


@dataclass(slots=True)
class ParameterIndex:
    """A template's parameters by place and key."""

    parameters: Sequence[TemplateParameter]
    by_place: Mapping[tuple[str, str], TemplateParameter] = field(init=False)
    required: int = field(init=False)  # how many a message must give

    def __post_init__(self) -> None:
        """Index the parameters."""
        self.by_place = {(one.where, one.key): one for one in self.parameters}
        self.required = sum(one.is_required for one in self.parameters)

    def fits(self, components: Any) -> bool:
        """Say whether a message fits at a glance; of one that does not, nothing is said."""
        seen: set[tuple[str, str]] = set()
        try:
            if not all(self._has(component, seen) for component in components or ()):
                return False
        except (TypeError, KeyError, AttributeError):
            return False  # it has another shape than most
        return sum(self.by_place[one].is_required for one in seen) == self.required

    def _has(self, component: Mapping[str, Any], seen: set[tuple[str, str]]) -> bool:
        """Note the parameters of a component; false for one that is not of the template."""
        where = component["type"]
        if where == "button":
            where = f"button[{component['index']}]"
        elif where not in (HEADER, BODY):
            return False
        left = None
        for i, row in enumerate(component["parameters"], 1):
            kind = row["type"]
            name = kind if kind in MEDIA_OR_PLACE else row.get("parameter_name") or str(i)
            place = (where, name)
            expected = self.by_place.get(place)
            if expected is None or expected.kind != kind or place in seen:
                return False
            seen.add(place)
            if field_name := _VALUE_OF.get(kind):
                text = row[field_name]
                if isinstance(text, str):
                    left = (expected.max if left is None else left) or 0
                    left -= len(text)
                    if left < 0 or not text.strip() or ODD_SPACES.search(text):
                        return False
        return True
