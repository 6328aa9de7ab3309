"""Attempts, the rounds in which they are made, their effects on an account, and the canary."""
