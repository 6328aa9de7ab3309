"""Tests of rules: conversations that are played and compared."""
