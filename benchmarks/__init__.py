"""What the package costs, measured beside what it could cost at least and beside its peers. README.md says how."""
