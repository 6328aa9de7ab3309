"""Campaigns: queued a few seconds ahead, and led through their phases."""
