"""Inbound work beside the plan: poison, unreadable bytes, news of numbers and templates."""
