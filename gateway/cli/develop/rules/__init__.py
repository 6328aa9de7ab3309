"""`gateway rules`: check, test, explain and compare rules."""
