"""The PaNOSC Search API: what federations and outside portals ask of a facility."""
