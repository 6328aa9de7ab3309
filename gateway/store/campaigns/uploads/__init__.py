"""Uploads of audiences: from a file, or of customers that the number knows."""
