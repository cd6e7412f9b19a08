select {{ config.get('threshold', 3) }} as threshold, '{{ config.get("meta", {}).get("unit", "eur") }}' as unit
