{% set context = 'c' %}{% set graph = 'g' %}{% set invocation_id = 'i' %}{% set run_started_at = 'r' %}
select '{{ context }}{{ graph }}{{ invocation_id }}{{ run_started_at }}' as names
