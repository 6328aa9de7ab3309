"""Pages to read in a browser: the reference of the API, kinds of errors, and Meta's codes."""
