"""Lists of the API: which sends there are, in pages, and the secret of their cursors."""
