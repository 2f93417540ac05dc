"""The Python client and what the command line's user commands stand on. Imports no server module."""
