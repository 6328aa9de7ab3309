"""The templates that a rulebook may send, wherever they are written."""

from gateway.rules.matching.action import NamedTemplate
from tests.support.rules.rulebooks import book

RULES = """\
version: 1
defaults: {window_closed: {send_template: sorry, language: pt_BR}}
rules:
  - {name: a, then: {send_template: hello, language: en}}
  - {name: b, then: [{send_text: Hi, window_closed: {send_template: again, language: en}}, Bye.]}
  - {name: c, then: {send: {type: template, template: {name: raw, language: {code: de}}}}}
  - {name: d, then: {send: {type: template, template: {name: "{{ text }}", language: {code: de}}}}}
  - name: e
    when: {text: agent}
    then:
      notify: {text: x, to: "351900000099", template: {name: staff, language: en}}
  - {name: f, then: [{send_template: hello, language: en}, {send_template: hello, language: fr}]}
  - {name: g, enabled: no, then: {send_template: gone, language: en}}
"""


def test_every_template_is_named_once_with_its_language() -> None:
    assert book(RULES).templates == (
        NamedTemplate("hello", "en"),
        NamedTemplate("again", "en"),
        NamedTemplate("sorry", "pt_BR"),
        NamedTemplate("raw", "de"),
        NamedTemplate("staff", "en"),
        NamedTemplate("hello", "fr"),
    )
