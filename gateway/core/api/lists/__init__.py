"""Lists of the API: what is asked for, and the cursors that lead from page to page."""
