"""SciCat's REST interface, as far as its Python clients call it: existing scripts of beamlines work with their address changed."""
