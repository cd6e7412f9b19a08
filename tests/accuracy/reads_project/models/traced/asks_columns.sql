select {{ kit.star(source('lookup', 'rates')) }} from {{ source('lookup', 'rates') }}
