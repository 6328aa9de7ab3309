"""Examples of rules: the folders in `examples/` of a checkout; an installed package has none."""

from pathlib import Path

import gateway

DEMO = "shop"
# Where this package was installed from, if it is an editable one, as scripts/install makes it.
CHECKOUT = Path(gateway.__file__).resolve().parents[1]


def find_example(name: str) -> Path | None:
    """Return the folder of an example, as a path that is short to read; None without a checkout."""
    folder = CHECKOUT / "examples" / name
    if not folder.is_dir():
        return None
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
