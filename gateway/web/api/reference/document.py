"""OpenAPI document of the API: what FastAPI finds in the routes, completed."""

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from gateway.web.api.problems import MEDIA_TYPE

ADDRESS = "/v1/openapi.json"
_SCHEMAS = "#/components/schemas/"
_INTRODUCTION = (
    "Send messages through the gateway, now or at a time, and ask what became of them. "
    "Every error is a problem in the form of RFC 9457, and its type is the address of a page."
)
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "An error, in the form of RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Address of the page about this kind of error."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is special about this case."},
        "errors": {
            "type": "array",
            "description": "Every place of the request that is wrong, up to 50.",
            "items": {"$ref": f"{_SCHEMAS}FieldError"},
        },
    },
}
_FIELD_ERROR: dict[str, Any] = {
    "title": "FieldError",
    "description": "What is wrong at one place of a request.",
    "type": "object",
    "required": ["pointer", "detail"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer of the place, such as #/to."},
        "detail": {"type": "string"},
    },
}
# What the id in one answer is good for; a client that follows links finds its way by them.
_LINKS = {
    ("post", "/v1/messages", "202"): {
        "show": {"operationId": "get_v1_messages_id", "parameters": {"id": "$response.body#/id"}},
        "cancel": {
            "operationId": "delete_v1_messages_id",
            "parameters": {"id": "$response.body#/id"},
        },
        "task": {
            "operationId": "get_v1_tasks_task_id",
            "parameters": {"task_id": "$response.body#/task_id"},
        },
    },
}


def name_operation(route: APIRoute) -> str:
    """Return the id of a route's operation, such as get_v1_messages_id."""
    method = min(route.methods or {"get"}).lower()
    return "_".join([method, *re.findall(r"\w+", route.path_format)])


def build_document(app: FastAPI) -> dict[str, Any]:
    """Return the document (OpenAPI 3.1) of an application; it is built once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=_INTRODUCTION, routes=app.routes
        )
        _complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["securitySchemes"] = _SECURITY
    document["security"] = [{name: []} for name in _SECURITY]
    _hoist(document["paths"], schemas)
    schemas |= {"Problem": _PROBLEM, "FieldError": _FIELD_ERROR}
    for (method, path, status), links in _LINKS.items():
        if operation := document["paths"].get(path, {}).get(method):
            operation["responses"][status]["links"] = links
    for responses in _find_key(document["paths"], "responses"):
        for response in responses.values():
            if response["description"] == "Successful Response":  # FastAPI's, which says nothing
                response["description"] = "The answer"
    for content in _find_key(document["paths"], "content"):
        if MEDIA_TYPE in content:
            content[MEDIA_TYPE] = {"schema": {"$ref": f"{_SCHEMAS}Problem"}}


def _hoist(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the schemas of bodies to where the document keeps all, and let references find them."""
    for body in list(_find_key(paths, "requestBody")):
        for content in body["content"].values():
            schema = content["schema"]
            schemas |= schema.pop("$defs", {})
            if "title" in schema:
                schemas[schema["title"]] = schema
                content["schema"] = {"$ref": f"{_SCHEMAS}{schema['title']}"}
    for node in _walk(schemas):
        if isinstance(reference := node.get("$ref"), str):
            node["$ref"] = reference.replace("#/$defs/", _SCHEMAS)


def _find_key(node: Any, name: str) -> Iterator[dict[str, Any]]:
    return (one[name] for one in _walk(node) if isinstance(one.get(name), dict))


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON value, the outer ones first."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from _walk(child)
