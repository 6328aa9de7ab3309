"""Parameters of a template on the command line."""

from typing import Any

import pytest
import typer

from gateway.cli.operate.messages.template_params import read_params

FORMS: dict[str, tuple[list[str], Any]] = {
    "in order": (["Ana", "17"], ["Ana", "17"]),
    "by name": (["name=Ana", "city=a=b"], {"name": "Ana", "city": "a=b"}),
    "of a header": (
        ["header.image=https://x.pt/a=b.jpg", "Ana"],
        {"header": {"image": "https://x.pt/a=b.jpg"}, "body": ["Ana"]},
    ),
    "of a header's text": (["header.1=Hi"], {"header": ["Hi"]}),
    "of buttons": (
        ["button.1=abc", "button.0.payload=stop", "button.2.code=X"],
        {"buttons": {"1": "abc", "0": {"payload": "stop"}, "2": {"code": "X"}}},
    ),
    "none": ([], []),
}


@pytest.mark.parametrize("form", FORMS)
def test_parameters_are_read_into_the_form_of_the_api(form: str) -> None:
    given, wanted = FORMS[form]

    assert read_params(given) == wanted


def test_names_and_positions_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        read_params(["name=Ana", "17"])

    assert "or all of them in order" in capsys.readouterr().err
