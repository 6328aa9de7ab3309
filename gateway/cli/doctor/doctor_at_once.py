"""Several looks at once, each in a thread of its own and none of them waited for too long."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from gateway.cli.doctor.findings import Unseen

Look = Callable[[], Any]


def at_once(
    looks: Mapping[str, Look], within_s: float, told: Callable[[list[str]], None] = lambda _: None
) -> dict[str, Any]:
    """Return what each look found; one that did not end in time, or failed, gives an Unseen.

    `told` hears which are still under way. A thread that is late is left behind: it dies with the
    process.
    """
    found: dict[str, Any] = {}
    changed = threading.Condition()

    def run(name: str, look: Look) -> None:
        try:
            result = look()
        except Exception as error:  # one look that fails must not take the others with it
            result = Unseen(f"the look at it failed ({type(error).__name__}), so report this")
        with changed:
            found[name] = result
            changed.notify()

    for name, look in looks.items():
        threading.Thread(target=run, args=(name, look), daemon=True).start()
    deadline = time.monotonic() + within_s
    with changed:
        while len(found) < len(looks) and (left_s := deadline - time.monotonic()) > 0:
            told([name for name in looks if name not in found])
            changed.wait(left_s)
        ended = dict(found)
    late = Unseen(f"nothing came back within {within_s:.0f} s")
    return {name: ended.get(name, late) for name in looks}
