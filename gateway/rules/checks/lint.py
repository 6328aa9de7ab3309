"""What is not wrong in rules and hardly meant: told as a warning."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches

from gateway.core.rendering.placeholders import PlaceholderError, names_in
from gateway.core.text import nearest
from gateway.rules.checks.file import CheckedFile
from gateway.rules.checks.placeholders import texts
from gateway.rules.checks.references import conditions, said, steps
from gateway.rules.checks.unreachable import unreached
from gateway.rules.language.actions import BARE
from gateway.rules.problems import QUOTES, Mark, Problem, short
from gateway.rules.yaml.nodes import Map, mapping

MAX_WORD = 20  # characters of a text that may look like a word of ours

Found = tuple[Mark, str]


def warnings(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    """Warn of rules that nothing reaches, and of names that are used and never given."""
    rules = [(file.file, name, rule) for file in files for name, rule in file.rules()]
    given = _Given(files, [rule for _, _, rule in rules])
    for file, name, rule in rules:
        found = (
            *_tags(rule, given), *_vars(rule, given), *_templates(steps(rule), given),
            *_verbs(rule),
        )  # fmt: skip
        yield from (Problem(file, mark, name, message, is_warning=True) for mark, message in found)
    for one in files:
        for mark, message in _templates([mapping(one.top("defaults"))], given):
            yield Problem(one.file, mark, "", message, is_warning=True)
    yield from _unreached(files)


class _Given:
    """The names that the files give somewhere."""

    def __init__(self, files: Sequence[CheckedFile], rules: Sequence[Map]) -> None:
        each = [step for rule in rules for step in steps(rule)]
        self.tags = {str(tag) for step in each for tag in said(step.get("tag"))}
        self.vars = {name for step in each for name in mapping(step.get("set"))}
        self.templates = {str(name) for file in files for name in said(file.top("templates"))}


def _tags(rule: Map, given: _Given) -> Iterator[Found]:
    if any("{{" in tag for tag in given.tags):
        return  # nobody knows what these become
    for when in conditions(rule.get("when")):
        for tag in said(when.get("tags")):
            if tag not in given.tags:
                yield tag.mark, f"no rule sets the tag {short(tag)}{_hint(tag, given.tags)}"


def _vars(rule: Map, given: _Given) -> Iterator[Found]:
    used = [used for when in conditions(rule.get("when")) for used in _asked(when)]
    used += [used for mark, text in texts(rule.get("then")) for used in _told(mark, text)]
    for mark, name in used:
        if name not in given.vars:
            yield mark, f"no rule sets {short(name)}{_hint(name, given.vars)}"


def _asked(when: Map) -> Iterator[Found]:
    yield from ((mark, name) for name, mark in mapping(when.get("vars")).marks.items())
    yield from ((mark, "language") for name, mark in when.marks.items() if name == "language")


def _told(mark: Mark, text: str) -> Iterator[Found]:
    try:
        names = names_in(text)
    except PlaceholderError:
        return
    yield from ((mark, name[5:]) for name in sorted(names) if name.startswith("vars."))
    if "language" in names:
        yield mark, "language"


def _templates(each: Iterable[Map], given: _Given) -> Iterator[Found]:
    if not given.templates:
        return
    for step in each:
        for sent in (step, mapping(step.get("window_closed"))):
            for name in said(sent.get("send_template")):
                if name not in given.templates:
                    hint = nearest(name, given.templates)
                    yield name.mark, f"{short(name)} is not among the known `templates`; {hint}"


def _verbs(rule: Map) -> Iterator[Found]:
    """Tell of texts that look like a word that stands alone; quotes say that they are meant."""
    alone = {verb.replace("_", ""): verb for verb in BARE}
    for one in said(rule.get("then")):
        letters = re.sub("[ _-]", "", one.lower()[:MAX_WORD])
        close = get_close_matches(letters, alone, n=1, cutoff=0.85)
        if one.plain and one not in BARE and close:
            meant = f"did you mean {short(alone[close[0]])}? If not, {QUOTES}"
            yield one.mark, f"{short(one)} is sent as a text; {meant}"


def _hint(word: str, known: Collection[str]) -> str:
    hint = nearest(word, known)
    return f"; {hint}" if hint.startswith("did") else ""


def _unreached(files: Sequence[CheckedFile]) -> Iterator[Problem]:
    placed = [
        (file, *one)
        for file in files
        if file.book
        for one in zip(file.rules(), file.book.rules, strict=True)
    ]
    models = [model for _, _, model in placed]
    for index, names in unreached(models):
        file, (name, rule), _ = placed[index]
        above = (
            f"{' and '.join(map(short, names))} above {'answers' if len(names) == 1 else 'answer'}"
        )
        message = f"is never reached: {above} all that it would"
        yield Problem(file.file, rule.mark, name, message, is_warning=True)
