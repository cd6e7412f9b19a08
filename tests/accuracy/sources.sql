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
