"""The learned loss against MSE: problems with a known answer, arms, claims, figures, a report."""
