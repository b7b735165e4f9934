"""Lightning callbacks: everyone who wants to look at a run, and says at which step next."""
