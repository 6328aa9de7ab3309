"""Webhook parsing: from the bytes that Meta posts to events."""
