"""The command `clearpost`: what an operator runs, and the local stack. Nothing may import it."""
