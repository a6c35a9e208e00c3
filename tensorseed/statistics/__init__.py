"""Statistics of a tensor's elements: histogram, exact density, heat map."""
