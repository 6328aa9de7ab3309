"""Audiences of drafts: from a file, of known customers, or of a campaign that has ended."""
