"""Tests of rules: conversations that are played, and answers that are compared."""
