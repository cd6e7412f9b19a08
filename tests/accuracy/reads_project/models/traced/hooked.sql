{{ config(post_hook="comment on table {{ this }} is '{{ var(\"hook_text\") }}{% if var(\"is_loud\", false) %} by {{ env_var(\"READS_AUTHOR\", \"nobody\") }}{% endif %}'") }}
select id from {{ ref('base') }}
