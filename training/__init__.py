"""Training of the speech net and its head. The only code that imports torch."""
