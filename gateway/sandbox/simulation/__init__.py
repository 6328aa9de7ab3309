"""Simulation of Meta: customers, tokens, limits, statuses, webhooks."""
