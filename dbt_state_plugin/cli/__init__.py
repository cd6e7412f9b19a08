"""Command line: options in, answers on stdout, conversation on stderr, exit codes."""
