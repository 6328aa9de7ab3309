"""The reverse proxies of `deploy/` on loopback, with nothing replaced but addresses."""

import os
import re
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.certificates import make_certificate
from tests.support.servers import Program, free_port, wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"
# Debian puts programs of servers where only root's path leads.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def find_program(name: str) -> str | None:
    return shutil.which(name, path=PATH)


@dataclass
class Proxy:
    """One proxy in front of a web process."""

    name: str
    folder: Path
    port: int
    check: list[str]
    command: list[str]
    program: Program | None = None

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        return httpx.Client(base_url=self.url, verify=context, timeout=180, trust_env=False)

    def start(self) -> "Proxy":
        env = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        self.program = Program(self.command, env, self.folder / "proxy.log", self.folder)
        wait_until(self._answers, f"{self.name} answers")
        return self

    def stop(self) -> None:
        if self.program:
            self.program.stop()

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/").status_code == 404
        except httpx.HTTPError:
            return False


def build_proxy(name: str, folder: Path, web_port: int) -> Proxy:
    """Write the proxy's files for this place; `name` is that of its program."""
    folder.mkdir()
    make_certificate(folder)
    port = free_port()
    build = _build_nginx if name == "nginx" else _build_caddy
    return build(folder, port, web_port)


def _build_nginx(folder: Path, port: int, web_port: int) -> Proxy:
    text = (DEPLOY / "nginx.conf").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{web_port}")
    text = re.sub(r"listen \[::\].*\n", "", text).replace("listen 443", f"listen 127.0.0.1:{port}")
    text = re.sub(r"/etc/letsencrypt\S*fullchain.pem", str(folder / "certificate.pem"), text)
    text = re.sub(r"/etc/letsencrypt\S*privkey.pem", str(folder / "key.pem"), text)
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    command = [find_program("nginx") or "nginx", "-p", str(folder), "-c", "nginx.conf"]
    command += ["-e", "stderr"]
    return Proxy("nginx", folder, port, [*command, "-t"], command)


def _build_caddy(folder: Path, port: int, web_port: int) -> Proxy:
    text = (DEPLOY / "Caddyfile").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{web_port}")
    site = f"https://localhost:{port} {{\n\ttls {folder}/certificate.pem {folder}/key.pem"
    text = text.replace("webhook.example.com {", site)
    text = text.replace("\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n", 1)
    (folder / "Caddyfile").write_text(text)
    program, given = find_program("caddy") or "caddy", ["--config", str(folder / "Caddyfile")]
    given += ["--adapter", "caddyfile"]
    return Proxy("caddy", folder, port, [program, "validate", *given], [program, "run", *given])
