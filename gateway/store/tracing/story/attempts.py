"""Lines of a story about the attempts to reach a stranger; pure."""

from collections.abc import Iterator
from typing import Protocol

from gateway.core.formats import format_time, pluralize
from gateway.store.outgoing.traced_posts import PostedAttempt, TracedPost
from gateway.store.tracing.story.story_line import StoryLine, Tone


class Attempted(Protocol):
    """What has attempts, of which the latest are shown."""

    @property
    def attempts(self) -> tuple[PostedAttempt, ...]:
        """Return the latest attempts, in their order."""

    @property
    def count(self) -> int:
        """Return how many there were in all."""


def attempt_lines(attempted: Attempted, *, has_succeeded: bool) -> Iterator[StoryLine]:
    """Yield a line for each attempt that is known, the last of them good if it succeeded."""
    if hidden := attempted.count - len(attempted.attempts):
        yield StoryLine("attempts", f"{pluralize(hidden, 'more', 'more')} before these")
    for one in attempted.attempts:
        yield _attempt_line(one, is_good=has_succeeded and one.ordinal == attempted.count)


def post_lines(
    post: TracedPost, *, has_succeeded: bool, first: str, again: str
) -> Iterator[StoryLine]:
    """Yield the attempts at a post, and while it waits who makes the `first`, or when one is next.

    `again` says in the words of the post what is done then.
    """
    yield from attempt_lines(post, has_succeeded=has_succeeded)
    if post.stage == "waiting" and not post.count:
        yield StoryLine("no attempt yet", first, tone="odd")
    elif post.stage == "waiting" and post.next_at:
        yield StoryLine(again, f"at {format_time(post.next_at)}", tone="odd")


def _attempt_line(attempt: PostedAttempt, *, is_good: bool) -> StoryLine:
    name = f"attempt {attempt.ordinal}"
    if not attempt.outcome:
        return StoryLine(name, "under way, or its process died", attempt.at, "odd")
    tone: Tone = "good" if is_good else "odd"
    return StoryLine(name, attempt.outcome, attempt.at, tone)
