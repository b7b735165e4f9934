"""K gradient steps of one net or of a stack of nets: eager, recorded, compiled, native; torch only."""
