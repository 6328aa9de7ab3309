"""Live streams: what many of them take of a process that also keeps deliveries is limited."""

import pytest

from gateway.web.console.live import FEW_FEEDS, MOST_REST_S, MOST_SHARE, rest_of_feed


def test_few_feeds_are_read_as_often_as_their_topics_want() -> None:
    assert rest_of_feed(2.0, took_s=5.0, feeds=FEW_FEEDS) == 2.0


@pytest.mark.parametrize("feeds", [FEW_FEEDS + 1, 20, 50])
def test_many_feeds_together_take_a_small_share_of_the_time(feeds: int) -> None:
    took_s = 0.007

    rest_s = rest_of_feed(0.1, took_s, feeds)

    assert feeds * took_s / rest_s == pytest.approx(MOST_SHARE)


def test_feeds_that_are_cheap_keep_their_pace() -> None:
    assert rest_of_feed(2.0, took_s=0.001, feeds=50) == 2.0


def test_no_feed_rests_for_long() -> None:
    assert rest_of_feed(2.0, took_s=1.0, feeds=100) == MOST_REST_S
