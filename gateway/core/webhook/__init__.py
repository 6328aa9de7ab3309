"""From the bytes that Meta posts to events."""
