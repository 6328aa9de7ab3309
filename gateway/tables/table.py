"""Table of any form: a workbook, or text."""

from typing import BinaryIO

from gateway.tables.text_table import Cells, read_text_table
from gateway.tables.workbook import IS_ZIP, read_workbook


def read_table(file: BinaryIO, encoding: str = "", phone_column: str = "") -> Cells:
    """Yield the line and the named cells of each row of a file that can seek.

    `phone_column` names the column with the phone numbers, "" to know it by its name.
    Raises TableError where the file cannot be read, with the place.
    """
    start = file.read(len(IS_ZIP))
    file.seek(0)
    if start == IS_ZIP:
        yield from read_workbook(file)
    else:
        yield from read_text_table(file, encoding, phone_column)
