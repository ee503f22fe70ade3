"""Who runs batches of jobs: processes, threads, this thread. They give back outcomes."""
