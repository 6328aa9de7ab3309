"""Contacts through the API: shown, changed and erased."""
