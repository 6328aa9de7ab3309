"""Every form of REDIS_URL that is taken works in all processes, and a mistake has its reason."""

from pathlib import Path

import pytest

from tests.support.certificates import make_certificate
from tests.support.factories import delivery_body, message_item
from tests.support.faults.fault_proxy import Relay
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
# As docs/operations.md has it.
ACL = "ACL SETUSER gateway on >password ~gw:* &* +@all -@admin"


@pytest.mark.parametrize(
    "form",
    [
        "unix://{socket}?db=2",
        "redis://127.0.0.1:{port}?db=3",
        "rediss://localhost:{tls}/1?ssl_ca_certs={certificate}",
        "rediss://localhost:{tls}/1?ssl_cert_reqs=CERT_NONE",
        "redis://gateway:password@127.0.0.1:{port}",
    ],
)
def test_an_address_that_is_taken_works_in_all_processes(tmp_path: Path, form: str) -> None:
    socket = tmp_path / "s"
    server = Server(tmp_path / "valkey", unixsocket=str(socket)).start()
    server.command(*ACL.split())
    certificate, context = make_certificate(tmp_path)
    behind_tls = Relay(server.port, tls=context)
    places = {"socket": socket, "port": server.port, "tls": behind_tls.port}
    stack = Stack(tmp_path, server, REDIS_URL=form.format(**places, certificate=certificate))
    try:
        stack.start("sandbox", "web", "inbound", "outbound", "outgoing", "beat")

        stack.post(delivery_body(message_item("wamid.one", "which color?")))

        wait_until(lambda: len(stack.posted()) == 1, "the reply is posted")
        wait_until(stack.idle, "no delivery waits")
    finally:
        stack.stop()
        behind_tls.close()
        server.kill()
