"""The place of the Meltano utility, which a later version brings. It is not part of the distribution yet."""
