select id{% for status in switched_on() %}, true as is_{{ status }}{% endfor %} from {{ ref('base') }}
