"""Manners that protocols and the portal share."""
