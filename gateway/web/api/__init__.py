"""Second address of the web process: health pages, figures and the API."""
