{{ config(
    pre_hook="select 1 /* before */",
    post_hook=["{{ comment_hook(this, env_var('SHOP_NOTE', 'hooked')) }}", "analyze {{ this }}"]
) }}
select order_id, status from {{ ref('stg_orders') }}
