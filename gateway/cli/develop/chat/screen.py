"""Screen of `gateway chat`: lines that appear over a prompt."""

from rich.console import Console
from rich.text import Text

from gateway.core.text import printable

GREY, ODD, GOOD = "bright_black", "yellow", "green"


class ChatScreen:
    """Prints lines, and the prompt again after them where a person types."""

    def __init__(self, *, at_terminal: bool) -> None:
        """Say whether a person types, and no file or pipe is read."""
        self.at_terminal = at_terminal
        self._console = Console(highlight=False, soft_wrap=True)

    def prompt(self, text: str) -> None:
        """Print the prompt."""
        if self.at_terminal:
            self._console.print(Text(f"{text} ", "bold"), end="")

    def echo(self, prompt: str, line: str) -> None:
        """Print a line that came from a file or a pipe as if it had been typed."""
        if not self.at_terminal and line:
            self.print(f"{prompt} {line}")

    def print(self, text: str, style: str = "") -> None:
        """Print over the prompt."""
        if self.at_terminal:
            self._console.file.write("\r\x1b[K")
        self._console.print(Text(printable(text), style))
