"""Users of the console in the store: sign-ins, tries, reveals and the audit log."""
