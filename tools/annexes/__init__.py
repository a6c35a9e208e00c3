"""Machine-readable and generated annexes of the two normative pages."""
