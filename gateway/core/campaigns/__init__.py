"""Campaigns: one message to many recipients, its audience, its phases and its funnel."""
