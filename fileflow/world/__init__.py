"""The world: files, records, code, locks, staging and the running of one action."""
