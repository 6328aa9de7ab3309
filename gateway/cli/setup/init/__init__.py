"""`gateway init`: ask for settings, check the answers, write `.env`."""
