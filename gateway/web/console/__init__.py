"""Console: pages in a browser that show what became of every message, and act through the API."""
