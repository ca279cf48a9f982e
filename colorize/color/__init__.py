"""Units, Lab on arrays and on tensors, merging that keeps lightness, upsampling, measures of color."""
