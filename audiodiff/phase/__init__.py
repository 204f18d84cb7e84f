"""Phases for magnitudes: Griffin-Lim on a whole signal and on a moving window, with the mel as a constraint."""
