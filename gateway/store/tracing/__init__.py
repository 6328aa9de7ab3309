"""Traces: everything the store knows, by event, send, message or customer."""
