select
    '{{ var("label", "standard") }}' as label,
    {{ var('limits', {'low': 1, 'high': 10})['high'] }} as upper_limit,
    '{{ env_var("SHOP_REGION", "eu") }}' as region,
    '{{ target.name }}' as target_name
