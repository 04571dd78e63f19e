"""Knowledge bases: what is put in is cut, indexed in the background, and found again."""
