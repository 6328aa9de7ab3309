"""HTTP to Meta, and only here."""
