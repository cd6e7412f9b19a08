select '{{ var("chosen", "usual") }}' as chosen
