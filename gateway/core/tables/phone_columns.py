"""Column with the phone numbers of a table, by the names that people give it.

Two columns that may be it are never decided between: a wrong number is somebody else's.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from gateway.core.tables.phone_cells import TableError

MOST_SHOWN = 20  # columns, where none is it
_MOST_NAME = 64
# In small letters, without accents and signs. The postal code of Brazil is a CEP, so the Turkish
# word is none of them.
_ALONE = """
    number to waid msisdn e164 contactnumber contactno rufnummer wanumber nomorwa nowa
"""
# English, Spanish and Portuguese, German, French, Italian, Indonesian, Turkish and Dutch.
_WORDS = """
    phone telephone mobile cell cellphone mobilephone cellular phonemobile tel
    whatsapp whatsappphone telefono movil celular telefonomovil telefonocelular
    telefone telemovel telefon handy mobil mobiltelefon mobilfunk telefonmobil telmobil
    portable telephoneportable telephonemobile telportable
    cellulare telefonino telefonocellulare
    telepon telp ponsel hp handphone ceptelefonu telefoon mobiel
"""
_BEFORE = ("", "numero", "numerode", "numerodo", "numerodi", "nomor", "no", "node", "nr")
_AFTER = ("", "number", "no", "nr", "num", "nummer", "numarasi")
PHONE_COLUMNS = frozenset(
    [*_ALONE.split(), *(f"{before}{word}" for word in _WORDS.split() for before in _BEFORE)]
    + [f"{word}{after}" for word in _WORDS.split() for after in _AFTER]
)
_DIGITS_OF_A_CELL = 7  # fewer may stand in an honest name, such as sales_202611


class ColumnError(TableError):
    """A column that a table needs is missing or uncertain; whoever knows may say which it is."""


def find_phone_column(names: Iterable[str]) -> str:
    """Return the column that holds the phone number. Raises ColumnError unless it is one."""
    columns = list(names)
    found = [name for name in columns if is_phone_column(name)]
    if not found:
        raise ColumnError(_explain_missing(columns))
    if len(found) > 1:
        raise ColumnError(
            f"More than one column may hold the phone number, {list_columns(found)}: rename all "
            "but one."
        )
    return found[0]


def is_phone_column(name: str) -> bool:
    """Say whether a column has a name of one that holds phone numbers."""
    return plain_name(name) in PHONE_COLUMNS


def plain_name(name: str) -> str:
    """Return the name of a column in small letters, without accents, spaces and signs."""
    letters = re.sub(r"[\W_]", "", unicodedata.normalize("NFKD", name))
    return letters.casefold().replace("ı", "i")


def list_columns(names: Sequence[str]) -> str:
    """Return names of columns for an error, the first of many."""
    shown = ", ".join(name[:_MOST_NAME] for name in names[:MOST_SHOWN])
    return f"{shown} and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else shown


def describe_columns(names: Sequence[str]) -> str:
    """Return for an error which columns there are; without the first row of what names none."""
    return (
        "its first line holds numbers" if _holds_numbers(names) else f"it has {list_columns(names)}"
    )


def _holds_numbers(names: Sequence[str]) -> bool:
    return any(len(re.findall(r"\d", name)) >= _DIGITS_OF_A_CELL for name in names)


def _explain_missing(columns: Sequence[str]) -> str:
    """Return why there is no column."""
    if _holds_numbers(columns):
        return "The first line must name the columns, one of them phone, and it holds numbers."
    return (
        "No column has a name by which it holds phone numbers; the columns are "
        f"{list_columns(columns)}. Call that column phone."
    )
