"""Inbound work beside the plan: poison, unreadable bytes, grants."""
