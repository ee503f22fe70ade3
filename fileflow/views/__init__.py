"""What people and programs see: progress, lists, reasons, summaries."""
