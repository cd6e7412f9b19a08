"""Pairs of equal statements, and decorations without effect."""

from __future__ import annotations

from hypothesis import strategies as st

TABLES = """
create table t (a int, b int, c text, d timestamp, "A" int, "select" int, "q""q" int, é int, arr int[], j jsonb);
create table u (a int, b int, c text);
"""

# Equal by their tokens.
EQUAL = {
    "the same text": ("select a from t", "select a from t"),
    "spaces": ("select a from t", "select   a  from t "),
    "newlines": ("select a from t", "\nselect\n  a\nfrom\n  t\n"),
    "Windows newlines": ("select a\nfrom t", "select a\r\nfrom t\r\n"),
    "lone carriage returns": ("select a\nfrom t", "select a\rfrom t"),
    "tabs and form feeds": ("select a from t", "select\ta\ffrom t"),
    "no space around punctuation": ("select coalesce ( a , b ) , c from t", "select coalesce(a,b),c from t"),
    "no space around operators": ("select a + b from t", "select a+b from t"),
    "keyword case": ("select a from t where a is null", "SELECT a FROM t WHERE a IS NULL"),
    "identifier case": ("select a as x from t", "select A as X from T"),
    "function case": ("select coalesce(a, b) from t", "select COALESCE(a, b) from t"),
    "type case": ("select a::text from t", "select a::TEXT from t"),
    "letters outside of ASCII": ("select é from t", "SELECT é FROM t"),
    "an ASCII letter beside another": ("select a as aé from t", "select a as Aé from t"),
    "a line comment at the end": ("select a from t", "select a from t -- all of it"),
    "a line comment in between": ("select a from t", "select a -- the key\nfrom t"),
    "a line comment ends at a carriage return": ("select a from t", "select a -- the key\rfrom t"),
    "a line comment without a space": ("select a from t", "select a--the key\nfrom t"),
    "a line comment in place of white space": ("select a from t", "select a--\nfrom t"),
    "a quote in a line comment": ("select a from t", "select a -- it's\nfrom t"),
    "a block comment's start in a line comment": ("select a from t", "select a -- /*\nfrom t"),
    "a row of dashes": ("select a from t", "-------------\nselect a from t"),
    "a block comment": ("select a from t", "select /* the key */ a from t"),
    "a block comment in place of white space": ("select a from t", "select/**/a/**/from/**/t"),
    "a nested block comment": ("select a from t", "select /* one /* two */ one */ a from t"),
    "a block comment of stars": ("select a from t", "/*** c ***/select a from t"),
    "a slash after a block comment's start": ("select a from t", "select /*/ c */ a from t"),
    "a quote in a block comment": ("select a from t", "select /* it's */ a from t"),
    "a dollar quote in a block comment": ("select a from t", "select /* $$ */ a from t"),
    "a line comment in a block comment": ("select a from t", "select /* -- */ a from t"),
    "a line comment after an operator": ("select a - b from t", "select a - -- minus\n b from t"),
    "a line comment right after an operator": ("select a + b from t", "select a+-- plus\nb from t"),
    "a block comment right after an operator": ("select a * b from t", "select a*/* times */b from t"),
    "a block comment right after a slash": ("select a / b from t", "select a//* by */b from t"),
    "minus after an operator": ("select a * - b from t", "select a*-b from t"),
    "minus after a comparison": ("select a from t where a <= - 1", "select a from t where a<=-1"),
    "two minus signs": ("select a - - 1 from t", "select a - -1 from t"),
    "a comparison's two spellings": ("select a from t where a <> 1", "select a from t where a!=1"),
    "a qualified comparison's two spellings": (
        "select a from t where a operator(pg_catalog.<>) 1",
        "select a from t where a operator(pg_catalog.!=) 1",
    ),
    "casts": ("select a::text::varchar(10) from t", "select a :: text :: VARCHAR ( 10 ) from t"),
    "array slices": ("select arr[1:2] from t", "select arr [ 1 : 2 ] from t"),
    "named arguments": ("select make_interval(days => 1)", "select make_interval( DAYS=>1 )"),
    "the older named arguments": ("select make_interval(days := 1)", "select make_interval(days:=1)"),
    "a string beside a word": ("select a from t where c like 'x'", "select a from t where c like'x'"),
    "a string in pieces": ("select 'a'\n'b' as x", "select 'a'  \n\n   'b' as x"),
    "comments between the pieces of a string": ("select 'a'\n'b' as x", "select 'a' -- it's\n -- two\n 'b' as x"),
    "an escape string's prefix": ("select E'a\\n' as x", "select e'a\\n' as x"),
    "an escape string in pieces": ("select e'\\1'\n'2' as x", "select E'\\1'\n\n'2' as x"),
    "an escaped quote": ("select e'it\\'s' , a from t", "select E'it\\'s',a from t"),
    "a bit string's prefix": ("select b'101' as x", "select B'101' as x"),
    "a bit string in pieces": ("select b'1'\n'01' as x", "select B'1' -- c\n'01' as x"),
    "a hexadecimal string's prefix": ("select x'1F' as x", "select X'1F' as x"),
    "a national string's prefix": ("select n'a' as x", "select N'a' as x"),
    "a Unicode string's prefix": ("select u&'\\0061' as x", "select U&'\\0061' as x"),
    "another Unicode escape": ("select u&'!0061' uescape '!' as x", "select U&'!0061'\nUESCAPE\n'!' as x"),
    "dollar quotes": ("select $$a b$$ as x", "select  $$a b$$  AS x"),
    "dollar quotes with a tag": ("select $q$a $$ b$q$ as x", "SELECT $q$a $$ b$q$ as x"),
    "a doubled quote": ("select 'it''s' as x", "select\n'it''s' as x"),
    "comment marks in a string": ("select '-- /* x' as x", "select '-- /* x' as x -- c"),
    "comment marks in a quoted name": ('select a as "-- /* x" from t', 'select a as "-- /* x"/* c */from t'),
    "a doubled double quote": ('select "q""q" from t', 'SELECT "q""q" FROM t'),
    "backslashes in pairs": ("select '\\\\' as x", "select  '\\\\' as x"),
    "a backslash before a letter": ("select c ~ '\\d' as x from t", "select c~'\\d' as x from t"),
    "a number after an operator": ("select a + .5 as x from t", "select a+.5 as x from t"),
    "exponents": ("select 1e-5 as x , 1.5E+3 as y", "select 1e-5 as x,1.5E+3 as y"),
    "operators of many characters": ("select j #>> '{a}' as x from t", "select j#>>'{a}' as x from t"),
    "an operator that ends with minus": ("select j #- '{a}' as x from t", "select j#-'{a}' as x from t"),
    "a question mark": ("select j ?| array['a'] as x from t", "select j?|array ['a'] as x from t"),
}

# Equal by their parse trees, that is, where the library for it is installed.
EQUAL_AS_TREES = {
    "zeros before a number": ("select 01 as x", "select 1 as x"),
    "parentheses around an expression": ("select (a + b) as x from t", "select a + b as x from t"),
    "parentheses around a column": ("select (a) from t", "select a from t"),
    "parentheses that say the precedence": (
        "select a from t where (a = 1 and b = 2) or a = 3",
        "select a from t where a = 1 and b = 2 or a = 3",
    ),
    "parentheses around a subquery": (
        "select * from ((select a from t)) x where a = 1",
        "select * from (select a from t) x where a = 1",
    ),
    "as before a column's name": ("select a as x from t", "select a x from t"),
    "as before a table's name": ("select x.a from t as x where true", "select x.a from t x where true"),
    "inner": ("select t.a from t inner join u on t.a = u.a", "select t.a from t join u on t.a = u.a"),
    "outer": ("select t.a from t left outer join u on t.a = u.a", "select t.a from t left join u on t.a = u.a"),
    "cast": ("select cast(a as text) from t", "select a::text from t"),
    "a type before a string": ("select date '2020-01-01' as x", "select '2020-01-01'::date as x"),
    "int and integer": ("select c::int as x from t", "select c::integer as x from t"),
    "decimal and numeric": ("select c::decimal(10, 2) as x from t", "select c::numeric(10, 2) as x from t"),
    "varchar and character varying": ("select c::varchar(3) as x from t", "select c::character varying(3) as x from t"),
    "float and double precision": ("select a::float as x from t", "select a::double precision as x from t"),
    "select all": ("select all a from t", "select a from t"),
    "union distinct": ("select a from t union distinct select b from t", "select a from t union select b from t"),
    "all in an aggregate": ("select sum(all a) as x from t", "select sum(a) as x from t"),
    "asymmetric": ("select a from t where a between asymmetric 1 and b", "select a from t where a between 1 and b"),
    "isnull": ("select a from t where a isnull and true", "select a from t where a is null and true"),
    "named arguments": ("select make_interval(days => 1)", "select make_interval(days := 1)"),
    "the order of limit and offset": ("select a from t limit 1 offset (2)", "select a from t offset 2 limit (1)"),
    "strings in pieces": ("select 'a'\n'b' as x", "select 'ab' as x"),
    "kinds of quotes": ("select $$it's$$ as x", "select 'it''s' as x"),
    "an escape string without escapes": ("select e'a' as x", "select 'a' as x"),
    "a negative number in parentheses": ("select (-1) as x from t", "select -1 as x from t"),
}

# Different, and a server says so too: another view, or one of them is refused.
DIFFERENT = {
    "another column": ("select a from t", "select b from t"),
    "another table": ("select a from t", "select a from u"),
    "another name for a column": ("select a as x from t", "select a as y from t"),
    "another order of columns": ("select a, b from t", "select b, a from t"),
    "another number": ("select 1 as x", "select 2 as x"),
    "a longer number": ("select 1 as x", "select 11 as x"),
    "a number with decimals": ("select 1 as x", "select 1.0 as x"),
    "more decimals": ("select 1.0 as x", "select 1.00 as x"),
    "another sign in an exponent": ("select 1e-5 as x", "select 1e+5 as x"),
    "a negative number": ("select 1 as x", "select -1 as x"),
    "a minus that opens a comment": ("select a - -1 as x from t", "select a --1 as x from t\nfrom t"),
    "minus and plus": ("select a - b as x from t", "select a + b as x from t"),
    "less and less or equal": ("select a from t where a < b", "select a from t where a <= b"),
    "a comparison in two": ("select a from t where a <= b", "select a from t where a < = b"),
    "a cast in two": ("select a::text from t", "select a: :text from t"),
    "an operator in two": ("select j ->> 'a' as x from t", "select j -> > 'a' as x from t"),
    "another arrow": ("select j -> 'a' as x from t", "select j ->> 'a' as x from t"),
    "an operator fused with a sign": ("select @ -1 as x", "select @-1 as x"),
    "equals and differs": ("select a from t where a = b", "select a from t where a != b"),
    "a sign that belongs to the operator": ("select a from t where a != -1", "select a from t where a !=-1"),
    "like and ilike": ("select a from t where c like 'x'", "select a from t where c ilike 'x'"),
    "regular expressions of either case": ("select a from t where c ~ 'x'", "select a from t where c ~* 'x'"),
    "a string's case": ("select 'a' as x", "select 'A' as x"),
    "a space in a string": ("select 'a b' as x", "select 'a  b' as x"),
    "a newline in a string": ("select 'a\nb' as x", "select 'a b' as x"),
    "Windows newlines in a string": ("select 'a\nb' as x", "select 'a\r\nb' as x"),
    "a comment in a string": ("select 'a -- b' as x", "select 'a' as x"),
    "a block comment in a string": ("select 'a/* b */' as x", "select 'a' as x"),
    "an empty string": ("select '' as x", "select ' ' as x"),
    "a doubled quote": ("select 'it''s' as x", "select 'it s' as x"),
    "a string in two on one line": ("select 'a'\n'b' as x", "select 'a' 'b' as x"),
    "a block comment between the pieces": ("select 'a'\n'b' as x", "select 'a' /* c */\n'b' as x"),
    "a string in pieces of other content": ("select 'a'\n'b' as x", "select 'a'\n'c' as x"),
    "an escape": ("select e'a\\tb' as x", "select e'a\\nb' as x"),
    "an escape and its letters": ("select e'a\\\\n' as x", "select e'a\\n' as x"),
    "a backslash without an escape string": ("select 'a\\n' as x", "select e'a\\n' as x"),
    "an octal escape over two pieces": ("select e'\\1'\n'2' as x", "select e'\\12' as x"),
    "an escaped quote's extent": ("select e'\\'-- x' as x", "select e'\\' -- x' as x"),
    "an escape string's prefix apart": ("select e'a' as x", "select e 'a' as x"),
    "bits and hexadecimals": ("select b'1' as x", "select x'1' as x"),
    "bits and a string": ("select b'1' as x", "select '1' as x"),
    "a national string": ("select n'a' as x", "select 'a' as x"),
    "a Unicode string": ("select u&'\\0061' as x", "select '\\0061' as x"),
    "another Unicode letter": ("select u&'\\0061' as x", "select u&'\\0062' as x"),
    "another Unicode escape": ("select u&'!0061' as x", "select u&'!0061' uescape '!' as x"),
    "a Unicode string's prefix apart": ("select u&'a' as x", "select u &'a' as x"),
    "dollar quotes of other content": ("select $$a$$ as x", "select $$A$$ as x"),
    "a comment in dollar quotes": ("select $$a -- b$$ as x", "select $$a$$ as x"),
    "white space in dollar quotes": ("select $$a b$$ as x", "select $$a  b$$ as x"),
    "a tag's case": ("select $q$a$Q$b$q$ as x", "select $Q$a$q$b$Q$ as x"),
    "a quote and a quoted name": ("select 'a' from t", 'select "a" from t'),
    "a quoted name's case": ('select "A" from t', "select A from t"),
    "a quoted name's case, again": ('select "A" from t', 'select "a" from t'),
    "a space in a quoted name": ('select a as "x y" from t', 'select a as "x  y" from t'),
    "a comment in a quoted name": ('select a as "x--y" from t', 'select a as "x" from t'),
    "a quoted keyword": ('select "select" from t', "select select from t"),
    "a doubled double quote": ('select "q""q" from t', 'select "q" "q" from t'),
    "a Unicode name": ('select a as u&"\\0061" from t', 'select a as "\\0061" from t'),
    "a Unicode name's prefix apart": ('select a as u&"b" from t', 'select a as u &"b" from t'),
    "a letter outside of ASCII": ("select é from t", "select e from t"),
    "the case of a letter outside of ASCII": ("select a as é from t", "select a as É from t"),
    "the Kelvin sign": ("select a as k from t", "select a as \u212a from t"),
    "a no-break space": ("select a as x from t", "select a as\u00a0x from t"),
    "a byte order mark": ("select a from t", "\ufeffselect a from t"),
    "a dollar in a name": ("select a as x$1 from t", "select a as x $1 from t"),
    "a name in two": ("select a as xy from t", "select a as x y from t"),
    "a number apart from a name": ("select a as x1 from t", "select a as x 1 from t"),
    "a point apart from a number": ("select 1.5 as x", "select 1 .5 as x"),
    "another parameter": ("select $1 as x", "select 1 as x"),
    "a semicolon inside the parentheses of a view": ("select a from t", "select a from t;"),
    "two statements": ("select a from t", "select a from t; select b from t"),
    "a line that became a comment": ("select a, b\nfrom t", "select a -- , b\nfrom t"),
    "a lost end of a line comment": ("select a -- x\n, b from t", "select a -- x , b from t\nfrom t"),
    "an unfinished string": ("select 'a' as x", "select 'a as x"),
    "an unfinished name": ('select "A" from t', 'select "A from t'),
    "an unfinished comment": ("select a from t", "select a from t /* x"),
    "an unfinished inner comment": ("select a from t", "select a from t /* x /* y */"),
    "unfinished dollar quotes": ("select $q$a$q$ as x", "select $q$a$$ as x"),
    "a dollar without a tag's end": ("select $q$a$q$ as x", "select $q a$q$ as x"),
    "an empty quoted name": ('select a as "x" from t', 'select a as "" from t'),
    "a brace": ("select a from t", "select a {} from t"),
    "other parentheses": ("select a + (b + a) as x from t", "select a + b + a as x from t"),
    "distinct": ("select a from t", "select distinct a from t"),
    "union all": ("select a from t union select a from u", "select a from t union all select a from u"),
    "the order of nulls": ("select a from t order by a", "select a from t order by a nulls first"),
    "descending": ("select a from t order by a", "select a from t order by a desc"),
    "the kind of a join": ("select t.a from t join u on t.a = u.a", "select t.a from t left join u on t.a = u.a"),
    "symmetric": ("select a from t where a between 1 and b", "select a from t where a between symmetric 1 and b"),
    "a type's length": ("select c::varchar(3) as x from t", "select c::varchar(4) as x from t"),
    "the precision of a time": ("select d::timestamp(0) as x from t", "select d::timestamp(3) as x from t"),
    "an interval's unit": ("select interval '1' day as x", "select interval '1' hour as x"),
    "an interval that lies back": ("select interval '1 day' as x", "select interval '1 day ago' as x"),
    "a row and an expression": ("select row(a) as x from t", "select (a) as x from t"),
    "a limit": ("select a from t limit 1", "select a from t limit 2"),
    "only": ("select a from t", "select a from only t"),
    "a window's frame": (
        "select sum(a) over (order by b) from t",
        "select sum(a) over (order by b rows unbounded preceding) from t",
    ),
    "materialized": (
        "with x as (select a from t) select a from x",
        "with x as materialized (select a from t) select a from x",
    ),
}

# Equal to the server alone: refactorings that keep the query. Names inside are seen by whoever looks at a view.
EQUAL_AS_VIEWS = {
    "a redundant cast": ("select a::int as a from t", "select a from t"),
    "a cast of a literal": ("select c || 'x' as k from t", "select c || 'x'::text as k from t"),
    "a star spelled out": ("select * from u", "select a, b, c from u"),
    "a schema before a table": ("select a from t", "select t.a from public.t"),
    "a list of constants": ("select a from t where a in (1, 2)", "select a from t where a = any(array[1, 2])"),
    "between": ("select a from t where a between 1 and 2", "select a from t where a >= 1 and a <= 2"),
    "order by a column's number": ("select a, b from t order by 2", "select a, b from t order by b"),
    "group by a column's number": (
        "select a, count(*) as n from t group by 1",
        "select a, count(*) as n from t group by a",
    ),
}
EQUAL_AS_QUERIES = {
    "another name of a common table expression": (
        "with x as (select a, b from t) select a from x where b > 1",
        "with y as (select a, b from t) select a from y where b > 1",
    ),
    "another alias": ("select p.a from t p join u on u.a = p.a", "select q.a from t q inner join u r on r.a = q.a"),
    "another name inside": (
        "select x as a from (select a as x from t) s",
        "select y as a from (select a as y from t) s",
    ),
    "two common table expressions that change names": (
        "with x as (select a from t), y as (select b from t) select a, b from x, y",
        "with y as (select a from t), x as (select b from t) select a, b from y, x",
    ),
    "named columns of a common table expression": (
        "with x (one) as (select a from t) select one as a from x",
        "with x (other) as (select a from t) select other as a from x",
    ),
    "an alias with quotes and parentheses": ('select "(x".a from t "(x"', 'select "y) {".a from t "y) {"'),
}
_RECURSIVE = (
    "with recursive r({a}, {b}) as (select 1, 20 union all select r.{a} + 1, r.{b} % 2 from r where r.{a} < 4)"
    " {clause} select {more}, r.{a} as p, r.{b} as q from r"
)
# What has other names inside and gives something else, or may do so.
DIFFERENT_QUERIES = {
    "an encoding that XML declares": (
        """select '<?xml version="1.0" encoding="UTF8"?><a/>'::xml as x""",
        """select '<?xml version="1.0"?><a/>'::xml as x""",
    ),
    "one of two common table expressions": (
        "with x as (select a from t), y as (select b as a from t) select a from x",
        "with x as (select a from t), y as (select b as a from t) select a from y",
    ),
    "a name inside that a row shows": (
        "select to_json(s) as j from (select a as x from t) s",
        "select to_json(s) as j from (select a as y from t) s",
    ),
    "a name inside that a row of a common table expression shows": (
        "with s as (select a as x from t) select to_json(s) as j from s",
        "with s as (select a as y from t) select to_json(s) as j from s",
    ),
    "the name of a column": ("select a as x from t", "select a as y from t"),
    "another column": ("select b as a from t", "select a from t"),
    "the digits of a number": ("select 1.0 as x", "select 1.00 as x"),
    "the last digit of a float": ("select 0.1::float8 as x", "select 0.10000000000000002::float8 as x"),
    "a limit": ("select a from t limit 1", "select a from t limit 2"),
    "an order": ("select a from t order by a", "select a from t order by a desc"),
    "a hint": (
        "with x as materialized (select a from t) select a from x",
        "with x as (select a from t) select a from x",
    ),
    "an inner join that is a left one": (
        "select t.a from t join u on u.a = t.a",
        "select t.a from t left join u on u.a = t.a",
    ),
    "a row's columns": (
        "select row_to_json(s) as j from (select a, b from t) s",
        "select row_to_json(s) as j from (select b, a from t) s",
    ),
    "columns by which a recursive query is searched": (
        _RECURSIVE.format(a="x", b="y", clause="search depth first by x set place", more="place"),
        _RECURSIVE.format(a="y", b="x", clause="search depth first by x set place", more="place"),
    ),
    "columns in which a recursive query finds a circle": (
        _RECURSIVE.format(a="x", b="y", clause="cycle x set found using path", more="found"),
        _RECURSIVE.format(a="y", b="x", clause="cycle x set found using path", more="found"),
    ),
    "a missing table": ("select a from missing", "select missing.a from missing"),
    "two statements": ("select a from t", "select a from t) q; select * from (select a from t"),
}


# One view to some servers, but other versions or settings read them otherwise, or a tree does not tell.
DOUBTFUL = {
    "a quoted name that needs no quotes": ('select "a" from t', "select a from t"),
    "underscores in a number": ("select 1_000 as x", "select 1000 as x"),
    "a hexadecimal number": ("select 0x10 as x", "select 16 as x"),
    "the case of an exponent": ("select 1e5 as x", "select 1E5 as x"),
    "a backslash before a quote": ("select 'a\\' as x", "select 'a\\' as x -- c"),
    "a backslash in two kinds of strings": ("select 'a\\b' as x", "select e'a\\\\b' as x"),
    "a Unicode escape": ("select u&'\\0061' as x", "select 'a' as x"),
    "names that are cut off": (f"select a as {'x' * 63}y from t", f"select a as {'x' * 63}z from t"),
    "parentheses around it all": ("select a from t", "(select a from t)"),
    "a hint": ("select a from t", "/*+ SeqScan(t) */ select a from t"),
    "another hint": ("/*+ SeqScan(t) */ select a from t", "/*+ IndexScan(t) */ select a from t"),
    "a hint's case": ("/*+ SeqScan(t) */ select a from t", "/*+ SeqScan(T) */ select a from t"),
    "another spelling of a type's own name": ("select c::int as x from t", "select c::int4 as x from t"),
    "ascending": ("select a from t order by a", "select a from t order by a asc"),
    "like as an operator": ("select a from t where c like 'x'", "select a from t where c ~~ 'x'"),
    "an alias that says nothing": ("select a from t", "select a as a from t"),
    "the case of hexadecimal digits": ("select x'1f' as x", "select x'1F' as x"),
    "a vertical tab": ("select a from t", "select a\x0bfrom t"),
}

# Each token stands between spaces, none holds one; no two strings stand side by side. Names are in lower case.
STATEMENTS = tuple(
    statement.split()
    for statement in (
        "select a , b as total , 'x''y' as label from t where a >= - 1 and c <> 'open' order by a desc limit 10",
        "select t . a , u . b , coalesce ( t . c , '--' ) as c from t left join u on t . a = u . a and u . b < 3",
        'select "A" , "select" as "Mixed" , count ( * ) as n from t group by "A" , "select" having count ( * ) > 1',
        "with x as ( select a , b :: numeric ( 10 , 2 ) as b from t ) , y as ( select * from x where b <= 1.50 ) "
        "select y . a , sum ( y . b ) over ( partition by y . a order by y . b ) as s from y",
        "select case when a between 1 and 5 then 'low' when a is null then null else E'it\\'s' end as level from t",
        "select a , j -> 'x' ->> '/*' as v , j #>> '{a,b}' as w from t where j ? 'x' and arr && array [ 1 , 2 ]",
        "select a from t where c ~ '^\\d+$' and d > date '2020-01-01' - interval '1' day union all select b from u",
        "select $q$it's$q$ as q , $$--$$ as r , U&'\\0061' as s , B'101' as bits , x'1F' as hex , é from t",
        "select arr [ 1 : 2 ] as part , a % 2 = 0 as even , a * - b / ( 2 + .5e1 ) as z , @ a as positive from t",
        "select a from t as o where exists ( select 1 from u where u . a = o . a and u . c not in ( 'a' , 'b' ) )",
    )
)
_COMMENTS = ("-- note\n", "-- it's\r\n", "--\n", "/* note */", "/* /* deep */ it's */", "/**/", '/* " $$ */', "-- /*\n")
_GAPS = st.lists(st.sampled_from((" ", "  ", "\n", "\t", "\r\n", "\f", *_COMMENTS)), min_size=1, max_size=4).map(
    "".join
)


@st.composite
def decorated(draw: st.DrawFn, tokens: list[str]) -> str:
    """Draw a text of the statement with other white space, comments and letter case of its keywords and names."""
    text = draw(st.sampled_from(("", *_COMMENTS)))
    for token in tokens:
        needs_no_gap = token in ("(", ")", ",") or text.endswith(("(", ","))
        gap = draw(st.one_of(st.just(""), _GAPS)) if needs_no_gap else draw(_GAPS)
        if text.endswith(("-", "/", "*")) and gap[:1] in ("-", "/", "*"):
            gap = " " + gap  # a minus and a comment would be a longer comment
        text += gap + (_in_some_case(draw, token) if token.isidentifier() else token)
    return text + draw(st.sampled_from(("", " ", "\n", "-- the end", *_COMMENTS)))


def _in_some_case(draw: st.DrawFn, word: str) -> str:
    return draw(st.sampled_from((word, word.upper(), word.capitalize()))) if word.isascii() else word


@st.composite
def changed(draw: st.DrawFn, tokens: list[str]) -> list[str]:
    """Draw the statement with one literal, name, keyword, operator, number or kind of quote changed."""
    place = draw(st.sampled_from([place for place, token in enumerate(tokens) if _changes(token)]))
    return [*tokens[:place], draw(st.sampled_from(_changes(tokens[place]))), *tokens[place + 1 :]]


_OPERATORS = ("=", "<", ">", "<=", ">=", "<>", "+", "-", "*", "/", "%", "->", "->>", "#>>", "&&", "~", "?", "@")


def _changes(token: str) -> list[str]:
    if token.isidentifier():
        return [token + "x", f'"{token.upper()}"']
    if token[0].isdigit() or token == ".5e1":
        return [token + "1", "7" + token]
    if token[0] == "$":
        inside = token.index("$", 1) + 1
        return [token[:inside] + "!" + token[inside:]]
    if token[-1] in "'\"":
        other_quotes = '"{}"' if token[-1] == "'" else "'{}'"
        return [token[:-1] + "!" + token[-1]] + ([other_quotes.format(token[1:-1])] if token[0] == token[-1] else [])
    return [operator for operator in _OPERATORS if operator != token] if token in _OPERATORS else []
