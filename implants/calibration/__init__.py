"""From similarities to words: what an encoder's similarity means, learned from its own answers."""
