"""Options of `gateway tunnel`, shared by all its steps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TunnelOptions:
    """The operator's options; a field has the name of its option."""

    url: str
    port: int
    real: bool
    yes: bool
    replace: bool
    reveal: bool
    ngrok_api: str

    def agrees(self, option: str) -> bool:
        """Return whether an option already answers a question with yes."""
        return {"--yes": self.yes, "--replace": self.replace}[option]
