"""Certification of many images: lists, plan, scheduler, results."""
