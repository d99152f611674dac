"""HTML pages with plots, as the load test and the cost model write them."""
