"""Lines of a page that are not its article: fitting the weights of their words."""
