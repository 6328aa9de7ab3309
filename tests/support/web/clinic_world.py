"""A store that has something of a clinic for every page of the console, and a shop with nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.console.audit import AuditEntry, AuditSubject
from gateway.core.contacts.contact import Contact
from gateway.core.forwards.forward import Forward, forward_id
from gateway.core.planning.batch import Plan
from gateway.core.services.service_call import ServiceCall
from gateway.store import number_list
from gateway.store.api.lists.list_secret import read_secret
from gateway.store.console import audit_log
from gateway.store.console.jobs import JobProgress, write_progress
from gateway.store.outgoing.forwards import queue_forwards
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from gateway.web.console.handles import write_handle
from tests.support.accounts import TestAccount, write_accounts
from tests.support.factories import ANA, NUMBER, a_message
from tests.support.store.campaigns import a_campaign
from tests.support.store.dead_sends import died
from tests.support.store.sends import WEEK, a_send
from tests.support.templates import WABA, MetaList, a_row
from tests.support.web.console_world import receive

OWN_NUMBER, WAMID, JOB = "1001", "wamid.Clinic", "c" * 16
# Whatever is the clinic's has one of these in it.
MARKS = (NUMBER, "clinic", "Clinic")
RULES = """
version: 1
forwards: [{to: NAME-crm, url: "http://127.0.0.1:9/in", secret: NAME_SECRET, events: message}]
rules: [{name: NAME-hello, then: [Hello]}]
"""


@dataclass(frozen=True)
class Clinic:
    """What the store has of the account that the user may not see."""

    env: dict[str, str]
    handle: str
    record: str
    send: str
    letter: str
    campaign: str
    number: str = NUMBER

    def place(self, path: str) -> str:
        """Return the address of a page or an action for a thing of the clinic."""
        names = {
            "{id:path}": WAMID, "{number}": NUMBER, "{handle}": self.handle,
            "{name}": "clinic_sent", "{language}": "en_US", "{receiver}": "clinic-crm",
            "{id}": JOB if path.startswith("/jobs") else self.campaign,
        }  # fmt: skip
        for name, value in names.items():
            path = path.replace(name, value)
        return f"/console{path}"


@pytest.fixture
def clinic(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """Fill the store with something of the clinic for every page."""
    for name in ("clinic", "shop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.yaml").write_text(
            RULES.replace("NAME_", f"{name.upper()}_").replace("NAME", name)
        )
    accounts = [
        TestAccount("shop", [OWN_NUMBER], "501", f"rules: {tmp_path}/shop"),
        TestAccount("clinic", [NUMBER], "502", f"rules: {tmp_path}/clinic", waba=WABA),
    ]
    env = write_accounts(tmp_path, accounts)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    number_list.add_number(store, OWN_NUMBER)
    record = receive(store, WAMID, "what the clinic knows")
    letter = died(store, a_send("clinic", "351900000077"))
    sync_templates(TemplateRegistry(store, WABA), MetaList([a_row("clinic_sent")]))
    forward = Forward(forward_id("message|1", "clinic-crm"), "clinic-crm", "0:1000-0/0")
    assert queue_forwards(store, NUMBER, "clinic-crm", [forward]) == 1
    call = ServiceCall("one", "clinic-api", {"service": "clinic-api", "method": "GET", "path": "/"})
    event = a_message("wamid.call")
    plan = Plan(NUMBER, Contact(""), changed=False, events=(event,), calls=(call,))
    assert commit(store, [plan], WEEK) == [True]
    now = datetime.now(UTC)
    write_progress(store, JobProgress(JOB, "drop", "clinic-boss", 9, now, now))
    audit_log.note_action(store, AuditEntry("clinic-boss", "sign in"))
    subject = AuditSubject(NUMBER, ANA, "why not")
    audit_log.note_action(store, AuditEntry("boss", "reveal", "conversation of clinic", subject))
    return Clinic(
        env=env,
        handle=write_handle(read_secret(store), NUMBER, ANA),
        record=record,
        send="clinic".ljust(24, "x"),
        letter=letter.id,
        campaign=a_campaign(store, 3, name="clinic spring").id,
    )
