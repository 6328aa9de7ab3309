"""Recurring sends: read, their moments, and what is due of each; pure."""
