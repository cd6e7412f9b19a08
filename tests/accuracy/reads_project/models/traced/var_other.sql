select {{ var('other') }} as other
