"""A batch on Ray: photos in folders or object storage, colored by many machines with the pipeline of `batch`."""
