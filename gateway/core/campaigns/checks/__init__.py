"""Check of a draft: who would get it, what it costs, and what an operator should know first."""
