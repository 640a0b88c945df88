"""The built-in backends. They use only what a site's own backend could use: see `extauth.backends.base`."""
