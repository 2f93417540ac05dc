"""panmesh: a photon or neutron facility as a full node of the open science cloud."""

__version__ = "0.1.0"
