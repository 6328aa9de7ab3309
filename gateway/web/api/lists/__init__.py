"""Lists of the API: their queries, pages and descriptions."""
