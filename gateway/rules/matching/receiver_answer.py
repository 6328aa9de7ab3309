"""What follows a receiver's answer to a forward: its messages, unless a person answers."""

from gateway.core.formats import pluralize
from gateway.core.forwards.receiver_answer import ReceiverAnswer
from gateway.core.planning.decision import FiredRule
from gateway.rules.language.call_action import ANSWER_MESSAGES, AnswerMessages
from gateway.rules.matching.action import compile_action
from gateway.rules.matching.facts import EventFacts
from gateway.rules.matching.steps import StepsRun

_SEND_MESSAGES = compile_action(AnswerMessages(verb=ANSWER_MESSAGES), None)


def fire_receiver_answer(answer: ReceiverAnswer, facts: EventFacts) -> FiredRule:
    """Build the messages of an answer as a rule's, with the contact as it is now."""
    name = f"answer of {answer.receiver}"
    if answer.failure:
        return FiredRule(
            name, f"{answer.receiver} answered, and nothing is sent: {answer.failure}", ()
        )
    run = StepsRun(facts, name, is_late=facts.is_old, answered=answer.messages)
    run.run((_SEND_MESSAGES,), lambda: lambda _: "")
    said = f"{answer.receiver} answered with {pluralize(len(answer.messages), 'message')}"
    return FiredRule(
        name,
        "; ".join((said, *run.notes)),
        tuple(run.actions),
        lacks_message=run.lacks_message,
        left_out=tuple(run.left_out),
    )
