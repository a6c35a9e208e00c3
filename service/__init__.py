"""tensorseed: initialised weights as a pure function of their spec."""
