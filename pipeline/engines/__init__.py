"""Engines that a recipe can run on, as far as they need help from us: a small Flink cluster for one machine."""
