"""Campaigns while senders and the server are killed: each recipient once, or in doubt."""

from collections.abc import Iterator

import pytest

from tests.support.faults.campaigns import KEY, TroubledCampaigns
from tests.support.faults.dying_stack import HaltedStack
from tests.support.servers import Server

pytestmark = [pytest.mark.faults, pytest.mark.long]
CAMPAIGNS, EACH = 5, 200


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaltedStack]:
    folder = tmp_path_factory.mktemp("campaigns")
    server = Server(folder / "valkey").start()
    made = HaltedStack(folder, server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)
    made.start("sandbox", "web", "inbound", "outbound#1", "outbound#2", "beat")
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
