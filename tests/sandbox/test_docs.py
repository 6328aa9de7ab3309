"""What can be asked of the sandbox stands in its page."""

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from gateway.sandbox.app import create_app
from gateway.sandbox.config import Config
from gateway.sandbox.simulation.faults import FaultError, Faults
from tests.support.sandbox.sandbox_app import ANA, a_config, a_rig

PAGE = (Path(__file__).parents[2] / "docs/sandbox.md").read_text(encoding="utf-8")


def test_every_control_call_is_told() -> None:
    told = set()
    for methods, path in re.findall(r"^\| `([A-Z`, ]+) (/sandbox/\S+)`", PAGE, re.MULTILINE):
        told |= {(method, path) for method in re.findall("[A-Z]+", methods)}
    routes = [route for route in create_app(a_config()).routes if isinstance(route, Route)]
    served = {
        (method, route.path)
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
        if route.path.startswith("/sandbox")
    }

    assert told == served


def test_every_field_of_the_configuration_is_told() -> None:
    told = set()
    section = PAGE.partition("## Configuration")[2].partition("## Control")[0]
    for names in re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE):
        told |= set(re.findall(r"`(\w+)`", names))

    assert told == set(Config.model_fields)


def test_every_fault_is_told() -> None:
    told = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Faults")[2], re.MULTILINE)
    try:
        Faults().arm({})
    except FaultError as error:
        named = str(error).removeprefix("Name at least one of ").removesuffix(".").split(", ")

    assert sorted(told) == sorted(named)


CALLS = re.findall(
    r"^curl (?:-X (\w+) )?(\"?)\$(ANA|SANDBOX)(\S*)\2(?: -d '(.+)')?", PAGE, re.MULTILINE
)


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "_", "base", "path", "body"), CALLS)
async def test_every_example_call_is_accepted(
    method: str, _: str, base: str, path: str, body: str
) -> None:
    address = f"/sandbox{'/customers/' + ANA if base == 'ANA' else ''}{path}"
    async with a_rig() as rig:
        answer = await rig.client.request(
            method or ("POST" if body else "GET"), address.replace("wait=5", "wait=0"), content=body
        )

    assert answer.status_code == 200
