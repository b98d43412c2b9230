"""The net as numbers: plan, sums, memory and time. Nothing in here imports torch."""
