"""Sending: what a send is, when it may be posted, and its outcome."""
