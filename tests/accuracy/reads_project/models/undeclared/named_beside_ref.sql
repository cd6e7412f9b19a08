select b.id, m.mark from {{ ref('base') }} as b join side.marks as m on m.id = b.id
