"""Why each rule answered or not, as chat tells it."""

from gateway.core.contacts import Contact
from gateway.rules.explain import Explained, explain
from tests.made import ANA, NOW, a_message
from tests.rules.booked import book

RULES = book("""\
- {name: bye, when: {type: text, text: [bye, ciao]}, then: Bye.}
- {name: old, when: {first_contact: no}, then: Again!}
- {name: known, when: {from: 1}, then: You!}
- {name: seen, then: mark_read}
- {name: hi, when: {text: {word: hi}}, then: Hello.}
- {name: rest, then: What?}
""")


def test_every_rule_is_told_until_one_sends() -> None:
    assert explain(RULES, a_message(text="Oh, hi"), Contact(ANA), NOW) == (
        Explained("bye", False, 'text is not one of "bye", "ciao"'),
        Explained("old", False, "this is the first contact"),
        Explained("known", False, "from is none the rule names"),
        Explained("seen", True, "always"),
        Explained("hi", True, 'text has the word "hi"'),
    )


def test_where_no_rule_is_asked_the_reason_stands_alone() -> None:
    told = explain(RULES, a_message(group="G1"), Contact(ANA), NOW)

    assert told == (Explained("", False, "group"),)


def test_every_rule_is_told_where_none_sends() -> None:
    rules = book("- {name: bye, when: {text: bye}, then: Bye.}\n- {name: seen, then: mark_read}")

    told = explain(rules, a_message(), Contact(ANA), NOW)

    assert [(rule.rule, rule.fired) for rule in told] == [("bye", False), ("seen", True)]
