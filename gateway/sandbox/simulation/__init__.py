"""What happens at Meta: customers, tokens, limits, statuses, webhooks."""
