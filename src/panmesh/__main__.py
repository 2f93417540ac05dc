"""`python -m panmesh` is `panmesh`."""

from panmesh.cli.main import main

main()
