"""What every command uses: errors, options, output, masks; knows no command."""
