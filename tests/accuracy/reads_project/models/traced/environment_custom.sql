select '{{ dbt_metadata_envs.get("TEAM", "none") }}' as team
