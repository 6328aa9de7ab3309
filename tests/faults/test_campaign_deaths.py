"""Campaigns while senders and the server are killed: each recipient once, or in doubt."""

from collections.abc import Iterator

import pytest

from tests.support.faults.campaigns import KEY, TroubledCampaigns
from tests.support.faults.dying_stack import HaltedStack
from tests.support.servers import Server

pytestmark = [pytest.mark.faults, pytest.mark.long]
CAMPAIGNS, EACH = 5, 200
TEMPLATE = {"spring": {"category": "marketing", "languages": {"en": "APPROVED"}}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaltedStack]:
    folder = tmp_path_factory.mktemp("campaigns")
    server = Server(folder / "valkey").start()
    made = HaltedStack(folder, server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)
    processes = ("sandbox", "web", "inbound", "outbound#1", "outbound#2", "beat")
    made.start(*processes, sandbox={"templates": TEMPLATE})
    yield made
    made.stop()
    server.kill()


def test_five_campaigns_go_on_when_senders_and_the_server_are_killed(stack: HaltedStack) -> None:
    stack.ask("outbound", "expand_campaign.before")
    troubled = TroubledCampaigns(stack, EACH)
    troubled.start(CAMPAIGNS)
    with troubled.sampled():
        stack.bury("outbound", "expand_campaign.before")
        for step in ("expand_campaign.after", "post.before", "post.after"):
            stack.ask("outbound", step)
            stack.bury("outbound", step)
        stack.server.kill()
        stack.server.start()
        troubled.completes()

    troubled.assert_each_once_or_in_doubt()


@pytest.mark.parametrize("step", ["resume_template.before", "resume_template.after"])
def test_a_template_is_reinstated_and_the_tick_that_hears_of_it_dies(
    stack: HaltedStack, step: str
) -> None:
    templates = f"{stack.meta_url}/sandbox/templates/spring/en"
    troubled = TroubledCampaigns(stack, 40, 10_000 if step.endswith("before") else 20_000)
    troubled.start(stop={"unconfirmed": 100, "codes": False})
    troubled.has_posted(1)
    with troubled.sampled():
        stack.client.post(templates, json={"status": "PAUSED"}).raise_for_status()
        troubled.waits_for("template")
        stack.ask("inbound", step)
        stack.client.post(templates, json={"status": "APPROVED"}).raise_for_status()
        stack.bury("inbound", step)
        troubled.completes()

    troubled.assert_each_once_or_in_doubt()
    assert troubled.posts().total() == 40
