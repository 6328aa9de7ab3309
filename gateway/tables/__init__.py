"""Tables that people give: CSV, JSON Lines and spreadsheets, read row by row."""
