"""HTTP to Meta's Graph API, which no other package calls."""
