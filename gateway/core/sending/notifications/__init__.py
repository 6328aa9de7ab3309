"""Notifications: what rules report to the operator of one event, and when a post is repeated."""
