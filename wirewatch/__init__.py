"""The command line, monitoring, the supervisor of ``wirewatch up`` and the demo: the only package that knows all others."""
