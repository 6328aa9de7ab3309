"""Shape of the accounts file: its keys and their values."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from gateway.accounts.values import ValueReference
from gateway.core.api.countries import COUNTRIES
from gateway.rules.language.refusals import refuse
from gateway.rules.language.times.opening_hours_syntax import read_zone
from gateway.rules.language.types import Matching, Model, Name, Version, wrap_in_list
from gateway.rules.problems import quote_word
from gateway.rules.yaml.nodes import Map

MOST_PACE = 1000
NAMED = "write {env: NAME} or {file: PATH}"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")


class _ReferenceSchema:
    """Schema of a reference, for editors."""

    def __get_pydantic_json_schema__(
        self, of: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        text = {"type": "string"}
        return {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {kind: text | more},
                    "required": [kind],
                    "additionalProperties": False,
                }
                for kind, more in (
                    ("env", {"pattern": f"^{_VARIABLE.pattern}$"}),
                    ("file", {"minLength": 1}),
                )
            ]
        }


def read_reference(value: Any) -> ValueReference:
    """Read where a value stands. No refusal quotes anything, which may be the secret itself."""
    if isinstance(value, ValueReference):
        return value
    if not isinstance(value, Map):
        refuse(f"a secret is never written in this file: {NAMED}")
    if len(value) != 1 or not {"env", "file"} & {*value}:
        refuse(f"must name one place of the value: {NAMED}")
    ((kind, name),) = value.items()
    if not isinstance(name, str):
        refuse(f"must name one place of the value: {NAMED}")
    if kind == "env" and not _VARIABLE.fullmatch(name):
        refuse("must be the name of a variable, in capital letters, such as SHOP_TOKEN")
    if not name.strip() or not name.isprintable():
        refuse(f"must name one place of the value: {NAMED}")
    return ValueReference(str(kind), str(name).strip())


def _pace(value: Any) -> Any:
    is_pace = isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value)
    if not is_pace or not 1 <= int(value) <= MOST_PACE:
        refuse(f"must be messages a second, from 1 to {MOST_PACE}")
    return int(value)


def _country(code: str) -> str:
    if code not in COUNTRIES:
        hint = "did you mean GB?" if code == "UK" else "write its two letters of ISO 3166-1"
        refuse(f"{quote_word(code)} is no country with phone numbers; {hint}")
    return code


def _phone(word: str) -> str:
    digits = re.sub(r"[ ()./-]", "", word)
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", digits):
        refuse("must be the phone number with its country code, such as +351900000099, in quotes")
    return digits[1:]


Reference = Annotated[ValueReference, BeforeValidator(read_reference), _ReferenceSchema()]
References = Annotated[tuple[Reference, ...], BeforeValidator(wrap_in_list)]
Id = Annotated[str, Matching(r"[0-9]{1,30}", "106540352242922")]
AccountName = Annotated[str, Matching(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", "shop or shop-test")]
GraphVersion = Annotated[str, Matching(r"v[0-9]+\.[0-9]+", "v25.0")]
Pace = Annotated[
    int,
    BeforeValidator(
        _pace,
        json_schema_input_type=Annotated[int, Field(ge=1, le=MOST_PACE)],
    ),
]
TimeZone = Annotated[str, AfterValidator(read_zone)]
Country = Annotated[str, Matching(r"[A-Z]{2}", "PT"), AfterValidator(_country)]
Phone = Annotated[str, AfterValidator(_phone)]


class NumberModel(Model):
    """One number of a WhatsApp account."""

    id: Id = Field(description="Meta's phone number id.")
    phone: Phone | None = Field(
        default=None, description="The phone number itself, by which some notices of Meta name it."
    )
    token: Reference | None = Field(
        default=None, description="The token that sends from this number, if not the one above."
    )
    pace: Pace | None = Field(
        default=None, description="Messages a second that Meta grants it, if not as above."
    )


class WabaModel(Model):
    """One WhatsApp account (WABA) with its numbers."""

    id: Id = Field(description="Meta's id of the WhatsApp account.")
    token: Reference | None = Field(
        default=None, description="The token for its numbers, if not the account's."
    )
    numbers: Annotated[tuple[NumberModel, ...], BeforeValidator(wrap_in_list)] = Field(
        description="Its numbers."
    )


class AccountModel(Model):
    """One account: an app at Meta with its WhatsApp accounts and numbers."""

    name: AccountName = Field(
        description="What the account is called: in /webhook/NAME, in logs and in commands."
    )
    app: Id = Field(description="The app's id at Meta.")
    default: bool = Field(
        default=False, description="`yes` for the one account that /webhook without a name serves."
    )
    secrets: References = Field(
        description="Where its app secret stands; a list while one is rotated, the newest first."
    )
    verify_token: Reference = Field(description="Where the verify token of the handshake stands.")
    token: Reference | None = Field(
        default=None, description="Where the access token stands, if not under each number."
    )
    graph_version: GraphVersion | None = Field(
        default=None, description="The version of the Graph API; META_GRAPH_VERSION if not given."
    )
    appsecret_proof: bool = Field(
        default=False, description="`yes` if the app demands a proof of its secret with each call."
    )
    pace: Pace | None = Field(
        default=None,
        description="Messages a second of each number; META_MESSAGES_PER_SECOND if not given.",
    )
    rules: Name | None = Field(
        default=None, description="Its file or folder of rules; GATEWAY_RULES if not given."
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description="Time zone, such as Europe/Lisbon, of opening hours in its rules that name "
        "none.",
    )
    country: Country | None = Field(
        default=None,
        description="Country, such as PT, of phone numbers that are given to the API without their "
        "country code.",
    )
    portfolio: Id | None = Field(
        default=None,
        description="Meta's id of its business portfolio, where several accounts are of one: they "
        "share Meta's limit of customers a day.",
    )
    wabas: Annotated[tuple[WabaModel, ...], BeforeValidator(wrap_in_list)] = Field(
        description="Its WhatsApp accounts."
    )


class AccountsModel(Model):
    """The accounts file."""

    version: Version = Field(description="Always 1.")
    accounts: Annotated[tuple[AccountModel, ...], BeforeValidator(wrap_in_list)] = Field(
        description="The accounts."
    )


_MODEL_BY_KEY: dict[str, type[Model]] = {
    "": AccountsModel, "accounts": AccountModel, "wabas": WabaModel, "numbers": NumberModel,
}  # fmt: skip


def known_keys(parent_key: str, _: Any) -> list[str]:
    """Return the keys that are allowed at a place of the file."""
    return _MODEL_BY_KEY.get(parent_key, AccountsModel).keys()
