"""Proposals, investigations, datasets, samples, files: what there is, and the services that show and change it."""
