"""CSV as we write it: no spreadsheet runs a cell, and Excel reads the letters."""

import csv
import io

from gateway.tables.csv_lines import iter_csv_lines


def test_no_cell_is_a_formula_and_numbers_stay_as_they_are() -> None:
    row = ["=1+1", "@x", "+a", "-b", "+351912345678", "-1.5", "-1+2", 7, "", "a=b"]

    (cells,) = csv.reader(io.StringIO("".join(iter_csv_lines([row]))))

    assert cells == ["\t=1+1", "\t@x", "\t+a", "\t-b", "+351912345678", "-1.5", "\t-1+2", "7", "",
                     "a=b"]  # fmt: skip


def test_for_excel_there_is_a_mark_at_the_start_and_semicolons() -> None:
    parts = list(iter_csv_lines((["é", i] for i in range(1_500)), for_excel=True))

    text = "".join(parts)
    assert text.startswith("\ufeffé;0\né;1\n")
    assert (len(parts), text.count("\ufeff"), text.count("\n")) == (2, 1, 1_500)
