"""Command line: options in, answers on stdout, messages on stderr, exit codes."""
