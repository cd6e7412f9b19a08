select * from ({{ kit.union_of([source('lookup', 'statuses'), ref('asks_words')]) }}) as u
