"""Many images: lists, plan, scheduler, results."""
