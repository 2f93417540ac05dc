"""Protocols that we serve: thin routes over services."""
