"""Campaigns in the store: their definitions, audiences, phases and funnels."""
