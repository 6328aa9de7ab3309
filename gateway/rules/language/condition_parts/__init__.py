"""Parts of conditions that have a form of their own."""
