"""Results on disk: files that are whole or absent, folders of one process, values as JSON holds them, and the packages for arrays."""
