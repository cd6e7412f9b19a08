select '{{ model.config.meta.get("owner", "nobody") }}' as owner
