"""Operations of users: plan, run, compare, adopt, bookkeeping."""
