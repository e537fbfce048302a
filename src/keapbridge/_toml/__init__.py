"""TOML from and to values, and what a text in it may name: something of the host's, as `package.module:name`."""
