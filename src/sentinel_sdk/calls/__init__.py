"""Every operation of the client, described: one function, one value. Their names and arguments become the methods."""
