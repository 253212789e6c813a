"""One module a command (or group): reads options, calls the packages, shows what came."""
