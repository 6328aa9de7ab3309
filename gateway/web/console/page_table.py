"""Table of all pages of the console, what can be done on them, and what they show live.

The navigation shows the pages that have a label, in this order.
"""

from collections.abc import Mapping, Sequence

from gateway.web.console.live import LiveTopic
from gateway.web.console.page import ConsoleAction, ConsolePage
from gateway.web.console.pages import (
    accounts,
    audit,
    campaigns,
    conversations,
    dead_letters,
    forwards,
    jobs,
    messages,
    numbers,
    overview,
    rules,
    services,
    templates,
)

PAGES: Sequence[ConsolePage] = (
    *overview.PAGES,
    *messages.PAGES,
    *conversations.PAGES,
    *dead_letters.PAGES,
    *campaigns.PAGES,
    *templates.PAGES,
    *rules.PAGES,
    *forwards.PAGES,
    *services.PAGES,
    *numbers.PAGES,
    *accounts.PAGES,
    *jobs.PAGES,
    *audit.PAGES,
)
ACTIONS: Sequence[ConsoleAction] = (
    *messages.ACTIONS,
    *conversations.ACTIONS,
    *dead_letters.ACTIONS,
    *campaigns.ACTIONS,
    *templates.ACTIONS,
    *rules.ACTIONS,
    *forwards.ACTIONS,
    *numbers.ACTIONS,
    *jobs.ACTIONS,
)
TOPICS: Mapping[str, LiveTopic] = {**overview.TOPICS, **conversations.TOPICS, **campaigns.TOPICS}
