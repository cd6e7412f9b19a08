select place from side.places
