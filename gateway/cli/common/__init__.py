"""Helpers that every command uses: errors, options, output, masks. They import no command."""
