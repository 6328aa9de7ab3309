"""A worker that hangs or dies over some texts, with a shorter time limit: `python -m` starts it.

The hang is a regular expression that backtracks for ages: it never gives up the interpreter, so
only a signal from outside can end it. The rules' own expressions cannot do that.
"""

import os
import re
import signal
import sys
from collections.abc import Sequence

from gateway.core.events import Event, Message
from gateway.core.planning.batch import PlanningInput, PlanningResult, plan
from gateway.core.planning.decision import RuleDecider
from tasks import inbound
from tasks.app import app

HANG, KILL = "hang", "kill"
LIMIT_S = 2


def deadly(view: PlanningInput, events: Sequence[Event], rulebook: RuleDecider) -> PlanningResult:
    """Plan, unless the events hold something that ends this process."""
    texts = {event.text for event in events if isinstance(event, Message)}
    if HANG in texts:
        re.match(r"(a+)+$", "a" * 60 + "b")
    if KILL in texts:
        os.kill(os.getpid(), signal.SIGKILL)
    return plan(view, events, rulebook)


if __name__ == "__main__":
    vars(inbound)["plan"] = deadly
    inbound.drain.time_limit = LIMIT_S
    app.worker_main(["worker", "-Q", "default,scheduled", "-c", sys.argv[1]])
