"""Requests to the API: who asks, and for what; pure."""
