"""The glottis: f0 and closure instants of recordings, and pulse trains in time with them."""
