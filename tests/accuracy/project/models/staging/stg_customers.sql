-- one row per customer
with source as (

    select * from {{ source('raw', 'customers') }}

),

renamed as (

    select
        id as customer_id,
        {{ clean_text('name') }} as customer_name,
        {{ clean_text('email') }} as email,
        country as country_code,
        city,
        is_active,
        updated_at
    from source

)

select * from renamed
