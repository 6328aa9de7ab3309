"""Rules folder of a gateway that is started here: made where it is missing, and described."""

from contextlib import suppress
from pathlib import Path

from gateway.cli.local.environment import LocalSetup
from gateway.cli.local.log_view import own_command
from gateway.config.settings import Settings
from gateway.core.formats import pluralize
from gateway.rules.reloader import RulebookSource

USUAL = Settings.model_fields["gateway_rules"].default


def open_rules(setup: LocalSetup) -> RulebookSource:
    """Load the rules; the usual folder is made if it is missing. Raises RulebookError.

    Another folder that is missing was named by somebody, who should learn that it is.
    """
    settings = setup.settings
    if settings.gateway_rules == USUAL:
        with suppress(OSError):  # why it cannot be made is also why it cannot be read
            USUAL.mkdir(exist_ok=True)
    return RulebookSource(settings.gateway_rules, demo=settings.gateway_demo_rules)


def describe_rules(setup: LocalSetup, source: RulebookSource) -> str:
    """Return one line on the rules in force, and on what to do if they are not the user's own."""
    own, new = _show_path(setup.settings.gateway_rules), f"{own_command()} rules new"
    if not source.files:
        return f"{own} has none, so nothing is answered; {new} makes a first file"
    count = pluralize(len(source.current().rules), "rule")
    if source.path != setup.settings.gateway_rules:
        return f"{_show_path(source.path)}, {count}, while {own} has none; {new} makes a first file"
    return f"{own}, {count}; a change is taken up"


def _show_path(path: Path) -> str:
    return f"{path}/" if path.is_dir() else str(path)
