select '{{ load_relation(source("lookup", "rates")).type if execute else "" }}' as kind
