"""The built-in backends, one each. They use nothing that a site's own backend could not: see `extauth.backend`."""
