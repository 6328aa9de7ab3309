"""One attempt and the rounds of attempts, their effects on an account, the canary's end."""
