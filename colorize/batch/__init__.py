"""Many photos on one machine: plan, pipeline, watch, check, report."""
