"""One photo: the colorizer, what a person may say about its colors, and what a result keeps of its photo."""
