"""Commands of `gateway chat`: their names, how they are written, and what they do; pure."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple


class ChatCommand(NamedTuple):
    """A command as `/help` shows it."""

    form: str  # what is written behind the name
    effect: str


# The effect of each of these on the next messages, and its fault for the sandbox.
FAULTS: Mapping[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "/lose": ("Meta takes the message, and its answer is lost", lambda n: {"lose": n}),
    "/slow": ("Meta answers after two seconds", lambda n: {"slow": {"seconds": 2, "times": n}}),
    "/duplicate": ("the webhook comes twice", lambda n: {"duplicate": n}),
    "/throttle": (
        "Meta refuses because of too many messages",
        lambda n: {"error": {"code": 130429, "status": 429, "times": n}},
    ),
}
COMMANDS: Mapping[str, ChatCommand] = {
    "/picture": ChatCommand("[CAPTION]", "send a picture"),
    "/album": ChatCommand("[N]", "send N pictures at once [3]"),
    "/voice": ChatCommand("", "send a voice message"),
    "/place": ChatCommand("[38.72,-9.14] [NAME]", "send a place"),
    "/react": ChatCommand("EMOJI|off", "react to the last answer, or take that back"),
    "/order": ChatCommand("[NOTE]", "order two items of a catalog"),
    "/flow": ChatCommand("colour=red size=2", "send the answers of a flow"),
    "/why": ChatCommand("", "what each rule said of your last message"),
    "/window": ChatCommand("", "for how long messages may be sent to you freely"),
    "/expire": ChatCommand("", "end that window now, until you write again"),
    "/hours": ChatCommand("open|closed|18:30|auto", "what opening hours take for now"),
    "/fail": ChatCommand("CODE [N]", "the message fails with this code of Meta's"),
    **{name: ChatCommand("[N]", effect) for name, (effect, _) in FAULTS.items()},
    "/as": ChatCommand("+351900000002", "be another customer"),
    "/help": ChatCommand("", "show this"),
    "/quit": ChatCommand("", "end"),
}
HEAD = (
    "type a text, or the number of a button; a command may be cut short, as /pic",
    "a fault is for the next N messages, 1 if you write none; 0 ends it",
)


def find_command(word: str) -> str | None:
    """Return the command that a word names, also cut short; None if it is none or several."""
    found = [word] if word in COMMANDS else [one for one in COMMANDS if one.startswith(word)]
    return found[0] if len(found) == 1 and len(word) > 1 else None


def explain_unknown(word: str) -> str:
    """Return a sentence about a word that is no command, with those that were perhaps meant."""
    begun = [one for one in COMMANDS if one.startswith(word)] if len(word) > 1 else []
    meant = begun or difflib.get_close_matches(word, COMMANDS, 2)
    hint = f"did you mean {' or '.join(meant)}?" if meant else "/help shows all."
    return f"There is no {word}: {hint}"


def list_help() -> Iterable[str]:
    """Yield the lines of `/help`."""
    yield from HEAD
    forms = {f"{name} {one.form}".rstrip(): one.effect for name, one in COMMANDS.items()}
    width = max(map(len, forms))
    for form, effect in forms.items():
        yield f"{form:{width}}  {effect}"
