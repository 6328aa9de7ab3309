"""What Meta tells of a number's throughput; pure."""

from gateway.core.events import Event, Notice

UPGRADED = 1_000


def granted(event: Event) -> int | None:
    """Return how many messages a second a number may send from now on, None where nothing is said.

    Meta names the number by its digits only, not by its id (webhook phone_number_quality_update):
    https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
    """
    match event:
        case Notice(field="phone_number_quality_update", raw={"event": "THROUGHPUT_UPGRADE"}):
            return UPGRADED
        case _:
            return None
