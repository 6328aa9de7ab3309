"""The usual recipe (one Celery task a webhook, one a send), started as its authors say."""

import sys
from pathlib import Path

import httpx
import redis

from tests.support.factories import NUMBER
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import SECRET, TOKEN


class Recipe:
    """Starts the recipe's processes; what they print goes to files."""

    def __init__(self, folder: Path, server: Server, app: Path) -> None:
        self.folder = folder
        self.app = app
        self.web_port = free_port()
        self.redis = redis.Redis.from_url(server.url)
        self.env = {
            "REDIS_URL": server.url,
            "META_APP_SECRET": SECRET,
            "META_ACCESS_TOKEN": TOKEN,
            "META_PHONE_NUMBER_ID": NUMBER,
            "META_GRAPH_URL": f"http://127.0.0.1:{free_port()}",
            "PYTHONPATH": str(app.parent),
        }
        self.programs: dict[str, Program] = {}

    def start(self, *_: str) -> "Recipe":
        args = ["uvicorn", f"{self.app.stem}:web", "--port", str(self.web_port)]
        self._run("web", [*args, "--no-access-log"])
        wait_until(self._answers, "the recipe answers")
        return self

    def run_one_worker(self) -> None:
        args = ["celery", "-A", self.app.stem, "worker", "-Q", "default", "-c", "1"]
        self._run("worker", args)

    def worked_off(self) -> int:
        """Return how many events are marked as seen, which is the recipe's first step."""
        return int(self.redis.dbsize() and sum(1 for _ in self.redis.scan_iter("dedupe:*", 10_000)))

    def stop(self) -> None:
        for program in self.programs.values():
            program.stop()
        self.redis.close()

    def _run(self, name: str, args: list[str]) -> None:
        command = [sys.executable, "-m", *args]
        self.programs[name] = Program(command, self.env, self.folder / f"{name}.log")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.web_port}/").status_code == 404
        except httpx.HTTPError:
            return False
