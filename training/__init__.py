"""How the speech net and its head are made. torch lives only here."""
