"""Calls to addresses that users gave."""
