{{ config(meta={'reads': ['side.marks']}) }}
select id from side.marks where mark > 20
