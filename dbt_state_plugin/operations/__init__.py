"""The use cases: plan, the tracked run, history, and the bookkeeping of scripts."""
