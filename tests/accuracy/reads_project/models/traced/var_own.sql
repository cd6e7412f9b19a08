select {{ var('own') }} as own
