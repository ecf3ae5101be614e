"""Colours and markers of all figures, which also those see apart who see few colours."""

# Okabe and Ito's palette (Color Universal Design, 2008) without its yellow, which is too
# pale on white, and two dark colours of Paul Tol's muted scheme for long series.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, WINE, OLIVE = "#CC79A7", "#56B4E9", "#882255", "#7A7A1E"
GREY, INK = "#8A8A8A", "#222222"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, WINE, OLIVE)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
