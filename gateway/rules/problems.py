"""What is wrong in rules, said so that the author finds the line and knows what to do."""

from dataclasses import dataclass

QUOTES = "put the text in quotes"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; line 0 and rule "" where the whole file is meant."""

    file: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Tell where and what on one line."""
        line = f":{self.line}" if self.line else ""
        rule = f"rule {short(self.rule)}: " if self.rule else ""
        return f"{self.file}{line}: {rule}{self.message}"


class RulebookError(Exception):
    """The rules cannot be used; `problems` says everything that is wrong with them."""

    reason = "rules_broken"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def short(value: object) -> str:
    """Quote a word of the file, cut to a length that fits into a sentence."""
    word = str(value)
    return repr(word if len(word) <= 40 else f"{word[:40]}…")
