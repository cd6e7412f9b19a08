select id{% for flag in values_of("select flag from side.flags where is_on order by 1") %}, true as flag_{{ flag }}{% endfor %} from {{ ref('base') }}
