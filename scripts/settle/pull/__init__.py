"""Fetches files from where others put them into the inbox, each once."""
