select '{{ region() }}' as region
