"""Notices of campaigns: where one is to be given, and what it says."""
