-- What loaders left in the warehouse before the first dbt run. No clock, no random values.
create schema raw;
create schema raw_v2;
create schema lookup;
create schema audit;
create table audit.runs (note text);

create table raw.customers (
    id integer primary key, name text, email text, country text, city text, is_active boolean, updated_at timestamp);
insert into raw.customers
select n, 'Customer ' || n, 'C' || n || '@Example.com', (array['de', 'fr', 'us', 'jp'])[1 + n % 4], 'City ' || n % 7,
    n % 5 <> 0, timestamp '2024-01-01' + n * interval '1 hour'
from generate_series(1, 40) as n;

create table raw.orders (
    id integer primary key, customer_id integer, status text, amount_cents integer, ordered_at timestamp,
    payment_method text);
insert into raw.orders
select n, 1 + n % 40, (array['placed', 'shipped', 'returned'])[1 + n % 3], 100 * (n % 17) + 50,
    timestamp '2024-01-01' + n * interval '7 hours', (array['card', 'cash', 'voucher'])[1 + n % 3]
from generate_series(1, 120) as n;

create table raw.order_items (id integer primary key, order_id integer, product_id integer, quantity integer, price_cents integer);
insert into raw.order_items
select n, 1 + n % 120, 1 + n % 12, 1 + n % 4, 100 + 10 * (n % 12) from generate_series(1, 240) as n;

create table raw.products (id integer primary key, sku text, name text, price_cents integer, category text);
insert into raw.products
select n, 'SKU-' || n, 'Product ' || n, 100 + 10 * n, (array['toys', 'books', 'tools'])[1 + n % 3]
from generate_series(1, 12) as n;

create table raw.payments (id integer primary key, order_id integer, method text, amount_cents integer, paid_at timestamp);
insert into raw.payments
select n, n, (array['card', 'cash', 'voucher'])[1 + n % 3], 100 * (n % 17) + 50, timestamp '2024-01-02' + n * interval '7 hours'
from generate_series(1, 100) as n;

create table raw.events (id integer primary key, customer_id integer, kind text, happened_at timestamp);
insert into raw.events
select n, 1 + n % 40, (array['visit', 'search', 'buy'])[1 + n % 3], timestamp '2024-02-01' + n * interval '1 hour'
from generate_series(1, 90) as n;

create table raw.returns (id integer primary key, order_id integer, reason text);
insert into raw.returns select n, 3 * n, (array['broken', 'late'])[1 + n % 2] from generate_series(1, 20) as n;

-- The same table as another loader would leave it.
create table raw_v2.returns as select id, order_id, upper(reason) as reason from raw.returns;
create table raw.returns_clean as select * from raw.returns where reason = 'late';

create table lookup.statuses (status text, label text);
insert into lookup.statuses values ('placed', 'open'), ('shipped', 'done');
create table lookup.rates (currency text, rate numeric);
insert into lookup.rates values ('eur', 1), ('usd', 1.1), ('jpy', 160);
create schema raw_lookup;
create table raw_lookup.statuses as select status, upper(label) as label from lookup.statuses;
create table raw_lookup.rates as select currency, rate * 2 as rate from lookup.rates;

-- What nobody declares as a source.
create schema side;
create table side.notes as select n as id, 'note ' || n as note from generate_series(1, 6) as n;
create table side.notes_copy as select id, upper(note) as note from side.notes;
create table side.marks as select n as id, n * 3 as mark from generate_series(1, 9) as n;
create table side."Mixed Case" as select n as "Id" from generate_series(1, 3) as n;
create table side.deep as select n as id, n % 2 = 0 as is_even from generate_series(1, 8) as n;
create view side.evens as select id from side.deep where is_even;
create materialized view side.summary as select count(*) as n from side.deep;
create table side.parts (id integer, area text) partition by list (area);
create table side.parts_north partition of side.parts for values in ('north');
create table side.parts_south partition of side.parts for values in ('south');
insert into side.parts select n, (array['north', 'south'])[1 + n % 2] from generate_series(1, 6) as n;
create table side.people as select n as id, 'Person ' || n as name from generate_series(1, 5) as n;
create table side.limits as select 4 as least;
create table side.blocked as select 3 as id;
create table side.places as select 'Place ' || n as place from generate_series(1, 4) as n;
create table side.flags as select flag, flag <> 'legacy' as is_on from unnest(array['alpha', 'beta', 'legacy']) as flag;
create table side.asked as select 'a' as word;
create table side.ev_1 as select 1 as id;
create table side.wide as select 1 as id, 'x' as label;
create schema front;
create table front.settings as select 'front' as k;
create table public.settings as select 'public' as k;
create function side.rated(n integer) returns integer language sql immutable as 'select n * 4';
create table lookup.other_statuses as select status || '_b' as status, label from lookup.statuses;
