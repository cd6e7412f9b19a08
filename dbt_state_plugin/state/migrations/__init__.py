"""Which steps lead from one version of the state's schema to the next?"""
