"""Request to a service, whose placeholders are filled for each event."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from gateway.core.messages.filters import Value, escape_url_part, kind_of
from gateway.core.messages.placeholders import Lookup, Template, has_placeholders, template
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.rules.language.call_action import MOST_PATH, CallAction

_SEPARATORS = re.compile(r"[/\\]")
JSON_TYPE, TEXT_TYPE = "application/json", "text/plain; charset=utf-8"
# What a branch reads of the contact and of the moment as they are once the answer is there.
_LATER = re.compile(r"(vars|hours|answer)\..*|tags|language|now", re.DOTALL)


class _UnsafePathError(Exception):
    """A part of a path came out empty, or would leave the address of its service."""


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A call of a rule, compiled: the request, and the placeholders that its branches need.

    `signature` names the request as it is written: by it an answer finds its branches again, also
    where the rules were changed meanwhile.
    """

    service: str
    method: str
    path: str
    content: Any  # compiled JSON or a compiled text, None where nothing is sent
    content_type: str
    signature: str
    kept_names: frozenset[str] = field(default=frozenset())
    shows_typing: bool = False  # a `typing` stands before it, so it is renewed while the call lasts

    def build_request(self, values: Lookup) -> dict[str, Any] | None:
        """Fill the placeholders; None if a part of the path is empty or leads elsewhere."""
        try:
            path = _fill_path(self.path, values)
        except _UnsafePathError:
            return None
        return {
            "service": self.service,
            "method": self.method,
            "path": path,
            "content": _fill_content(self.content, values),
            "content_type": self.content_type,
            "signature": self.signature,
            **_kept_values(self.kept_names, values),
            "typing": str(values("id") or "") if self.shows_typing else "",
        }


def compile_request(
    action: CallAction, names: frozenset[str], *, shows_typing: bool
) -> ServiceRequest:
    """Compile a call whose branches use these placeholders."""
    form, (service, path) = action.call, action.target
    is_json = form.json_content is not None
    content = form.json_content if is_json else form.body
    written = f"{action.method} {form.to} {orjson.dumps(content, default=str).decode()}"
    return ServiceRequest(
        service,
        action.method,
        path,
        compile_content(content),
        JSON_TYPE if is_json else TEXT_TYPE if form.body is not None else "",
        sha256(written.encode(errors="replace")).hexdigest()[:16],
        frozenset(name for name in names if not _LATER.fullmatch(name)),
        shows_typing,
    )


def compile_content(content: Any) -> Any:
    """Compile every text with placeholders in the content of a call."""
    match content:
        case str():
            return template(content) if has_placeholders(content) else str(content)
        case dict():
            return {str(key): compile_content(value) for key, value in content.items()}
        case list():
            return [compile_content(one) for one in content]
        case _:
            return content


def _fill_content(compiled: Any, values: Lookup) -> str:
    """Return the content that is sent, "" for none; unlike a message's, its texts may be empty."""
    if compiled is None:
        return ""
    filled = _fill(compiled, values)
    return filled if isinstance(filled, str) else orjson.dumps(filled).decode()


def _fill(compiled: Any, values: Lookup) -> Any:
    match compiled:
        case Template():
            return compiled.render(values)
        case dict():
            return {key: _fill(value, values) for key, value in compiled.items()}
        case list():
            return [_fill(one, values) for one in compiled]
        case _:
            return compiled


def _fill_path(path: str, values: Lookup) -> str:
    """Fill a path: what a placeholder gives is one part of it, and never leads out of it."""
    before, mark, query = path.partition("?")
    filled = "".join(_quoted_parts(before, lambda name: _path_part(values(name)), may_lack=False))
    # A literal part beside a placeholder, as in `/.{{ x }}`, may make dots with it.
    if not {".", ".."}.isdisjoint(filled.split("/")):
        raise _UnsafePathError
    return filled + mark + "".join(_quoted_parts(query, values, may_lack=True))


def _quoted_parts(source: str, values: Lookup, *, may_lack: bool) -> Iterator[str]:
    """Yield the parts of a path or query, each value quoted for a URL."""
    compiled = template(source, MOST_PATH) if has_placeholders(source) else None
    for one in compiled.parts if compiled else (source,):
        part = one if isinstance(one, str) else escape_url_part(str(one(values) or ""))
        if not part and not may_lack and source:
            raise _UnsafePathError
        yield part


def _path_part(value: Value) -> Value:
    if isinstance(value, str) and not {".", ".."}.isdisjoint(_SEPARATORS.split(value)):
        raise _UnsafePathError
    return value


def _kept_values(names: frozenset[str], values: Lookup) -> dict[str, Mapping[str, Any]]:
    """Return what the branches need of the event: texts and moments, by their names."""
    texts, moments = dict[str, str](), dict[str, int]()
    for name in sorted(names):
        value = values(name)
        if kind_of(name) != "moment":
            texts[name] = str(value or "")
        elif value and not isinstance(value, str):
            moments[name] = ms_from_datetime(value)
    return {"values": texts, "moments": moments}


def names_in_compiled(compiled: Any) -> Iterator[str]:
    """Yield the names of the placeholders in a compiled body."""
    match compiled:
        case Template():
            yield from compiled.names
        case dict():
            for value in compiled.values():
                yield from names_in_compiled(value)
        case list() | tuple():
            for value in compiled:
                yield from names_in_compiled(value)
        case _:
            pass
