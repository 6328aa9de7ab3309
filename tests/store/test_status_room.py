"""Room for statuses in the batches of a worker, which messages do not wait for."""

from gateway.store.inbox.status_room import MOST_EVENTS, QUIET_S, STATUS_EVENTS, StatusRoom


def test_without_messages_a_batch_may_be_full_of_statuses() -> None:
    room = StatusRoom()
    assert (room.promised, room.take(0, 1.0)) == (0, MOST_EVENTS)


def test_a_batch_with_messages_has_no_status_and_the_next_has_some() -> None:
    room = StatusRoom()
    assert [room.take(1, 1.0), room.promised] == [0, STATUS_EVENTS]
    assert [room.take(0, 1.0), room.promised] == [STATUS_EVENTS, 0]


def test_statuses_go_on_however_many_messages_wait() -> None:
    room = StatusRoom()
    rooms = [room.take(MOST_EVENTS, 1.0) for _ in range(6)]
    assert rooms == [0, STATUS_EVENTS] * 3


def test_statuses_are_few_until_no_message_has_come_for_long() -> None:
    room = StatusRoom()
    room.take(1, 100.0)
    assert {room.take(0, 100.0 + i * QUIET_S / 40) for i in range(40)} == {STATUS_EVENTS}
    assert room.take(0, 100.1 + QUIET_S) == MOST_EVENTS
