select {{ stamped("'quiet'") }} as stamp
