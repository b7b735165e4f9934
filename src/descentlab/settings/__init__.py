"""The typed settings: composed by Hydra, checked against the signatures they go to, without torch."""
