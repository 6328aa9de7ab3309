"""Customers: shown, listed, and given back to the rules."""
