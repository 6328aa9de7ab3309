"""`gateway init`: asks for settings, checks the answers, writes `.env`."""
