"""What a user asks for: plan, run, compare, adopt, keep books."""
