"""A worker whose tasks end when a test says so, and that writes down which children ended.

`python -m tests.support.faults.held_worker 2` starts it with two processes.
"""

import sys

import redis

from gateway.config.settings import Settings
from gateway.store.redis.client import Store
from tasks.app import app
from tasks.processes.child_watch import on_child_end
from tasks.processes.process_names import main_name, process_name

HELD, RELEASED, ENDED = "test:held", "test:released", "test:ended"


@app.task(name="tests.hold")
def hold() -> None:
    """Tell who holds this task, and end when a test lets it go."""
    with redis.Redis.from_url(Settings.from_env().redis_url, socket_timeout=90) as client:
        client.rpush(HELD, process_name())
        client.blpop([RELEASED], 60)


@app.task(name="tests.hang", time_limit=1)
def hang() -> None:
    """Do the same for longer than it may take."""
    hold()


@on_child_end
def write_down(store: Store, process: str) -> None:
    """Report an end as the gateway would: to the store, if it is there."""
    store.run(lambda client: client.rpush(ENDED, process))


if __name__ == "__main__":
    sys.stderr.write(f"main {main_name()}\n")
    quiet = ["--without-gossip", "--without-mingle"]
    app.worker_main(["worker", "-Q", "default,scheduled", "-c", sys.argv[1], *quiet])
