"""Accounts: the apps at Meta with their secrets, tokens and numbers, read from one file."""
