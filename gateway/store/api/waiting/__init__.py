"""Requests that wait for what becomes of their send, and those that join them."""
