"""Recipients of a campaign as they are shown: in pages, and as a file."""
