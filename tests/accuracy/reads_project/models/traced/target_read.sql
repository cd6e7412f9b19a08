select '{{ target.name }}' as name, {{ target.threads }} as threads
