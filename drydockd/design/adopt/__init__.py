"""From what is racked to the design of a site: pure, the same input gives the same bytes."""
