"""The options of `gateway tunnel`, as all its steps read them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TunnelOptions:
    """What a person asked for; the field is the option of its name."""

    url: str
    port: int
    real: bool
    yes: bool
    replace: bool
    reveal: bool
    ngrok_api: str

    def agrees(self, option: str) -> bool:
        """Say whether a question was answered by its option."""
        return {"--yes": self.yes, "--replace": self.replace}[option]
