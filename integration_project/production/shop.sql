-- The tables of a shop's production database, for PostgreSQL and MariaDB alike, with half a year of business.
-- `updated_at` is when a row was last written, as applications keep it: what an incremental extraction goes by.

create table customers (
    id integer primary key,
    name varchar(100) not null,
    email varchar(100) not null,
    country_code varchar(2) not null,
    updated_at timestamp not null
);

create table orders (
    id integer primary key,
    customer_id integer not null,
    status varchar(20) not null,
    ordered_at timestamp not null,
    updated_at timestamp not null
);

create table payments (
    id integer primary key,
    order_id integer not null,
    method varchar(20) not null,
    amount_cents integer not null
);

insert into customers (id, name, email, country_code, updated_at) values
    (1, 'Ada Lovelace', 'ada@example.com', 'GB', '2026-01-01 09:00:00'),
    (2, 'Grace Hopper', 'grace@example.com', 'US', '2026-01-02 09:00:00'),
    (3, 'Emmy Noether', 'emmy@example.com', 'DE', '2026-01-03 09:00:00'),
    (4, 'Marie Curie', 'marie@example.com', 'FR', '2026-01-04 09:00:00'),
    (5, 'Alan Turing', 'alan@example.com', 'GB', '2026-01-05 09:00:00'),
    (6, 'Katherine Johnson', 'katherine@example.com', 'US', '2026-01-06 09:00:00'),
    (7, 'Carl Gauss', 'carl@example.com', 'DE', '2026-01-07 09:00:00'),
    (8, 'Sophie Germain', 'sophie@example.com', 'FR', '2026-01-08 09:00:00'),
    (9, 'Edgar Codd', 'edgar@example.com', 'GB', '2026-01-09 09:00:00'),
    (10, 'Barbara Liskov', 'barbara@example.com', 'US', '2026-01-10 09:00:00'),
    (11, 'Konrad Zuse', 'konrad@example.com', 'DE', '2026-01-11 09:00:00'),
    (12, 'Blaise Pascal', 'blaise@example.com', 'FR', '2026-01-12 09:00:00');

insert into orders (id, customer_id, status, ordered_at, updated_at) values
    (1, 6, 'completed', '2026-01-02 09:30:00', '2026-01-02 09:30:00'),
    (2, 11, 'completed', '2026-01-05 10:30:00', '2026-01-05 10:30:00'),
    (3, 5, 'completed', '2026-01-08 11:30:00', '2026-01-08 11:30:00'),
    (4, 10, 'completed', '2026-01-11 12:30:00', '2026-01-11 12:30:00'),
    (5, 4, 'completed', '2026-01-14 13:30:00', '2026-01-14 13:30:00'),
    (6, 9, 'completed', '2026-01-17 14:30:00', '2026-01-17 14:30:00'),
    (7, 3, 'completed', '2026-01-20 15:30:00', '2026-01-20 15:30:00'),
    (8, 8, 'completed', '2026-01-23 16:30:00', '2026-01-23 16:30:00'),
    (9, 2, 'completed', '2026-02-02 17:30:00', '2026-02-02 17:30:00'),
    (10, 7, 'completed', '2026-02-05 08:30:00', '2026-02-05 08:30:00'),
    (11, 1, 'completed', '2026-02-08 09:30:00', '2026-02-08 09:30:00'),
    (12, 6, 'completed', '2026-02-11 10:30:00', '2026-02-11 10:30:00'),
    (13, 11, 'returned', '2026-02-14 11:30:00', '2026-02-14 11:30:00'),
    (14, 5, 'completed', '2026-02-17 12:30:00', '2026-02-17 12:30:00'),
    (15, 10, 'completed', '2026-02-20 13:30:00', '2026-02-20 13:30:00'),
    (16, 4, 'completed', '2026-02-23 14:30:00', '2026-02-23 14:30:00'),
    (17, 9, 'completed', '2026-03-02 15:30:00', '2026-03-02 15:30:00'),
    (18, 3, 'completed', '2026-03-05 16:30:00', '2026-03-05 16:30:00'),
    (19, 8, 'completed', '2026-03-08 17:30:00', '2026-03-08 17:30:00'),
    (20, 2, 'completed', '2026-03-11 08:30:00', '2026-03-11 08:30:00'),
    (21, 7, 'completed', '2026-03-14 09:30:00', '2026-03-14 09:30:00'),
    (22, 1, 'completed', '2026-03-17 10:30:00', '2026-03-17 10:30:00'),
    (23, 6, 'completed', '2026-03-20 11:30:00', '2026-03-20 11:30:00'),
    (24, 11, 'completed', '2026-03-23 12:30:00', '2026-03-23 12:30:00'),
    (25, 5, 'completed', '2026-04-02 13:30:00', '2026-04-02 13:30:00'),
    (26, 10, 'returned', '2026-04-05 14:30:00', '2026-04-05 14:30:00'),
    (27, 4, 'completed', '2026-04-08 15:30:00', '2026-04-08 15:30:00'),
    (28, 9, 'completed', '2026-04-11 16:30:00', '2026-04-11 16:30:00'),
    (29, 3, 'completed', '2026-04-14 17:30:00', '2026-04-14 17:30:00'),
    (30, 8, 'completed', '2026-04-17 08:30:00', '2026-04-17 08:30:00'),
    (31, 2, 'shipped', '2026-04-20 09:30:00', '2026-04-20 09:30:00'),
    (32, 7, 'shipped', '2026-04-23 10:30:00', '2026-04-23 10:30:00'),
    (33, 1, 'shipped', '2026-05-02 11:30:00', '2026-05-02 11:30:00'),
    (34, 6, 'placed', '2026-05-05 12:30:00', '2026-05-05 12:30:00'),
    (35, 11, 'placed', '2026-05-08 13:30:00', '2026-05-08 13:30:00'),
    (36, 5, 'placed', '2026-05-11 14:30:00', '2026-05-11 14:30:00');

insert into payments (id, order_id, method, amount_cents) values
    (1, 1, 'transfer', 3027),
    (2, 2, 'voucher', 4804),
    (3, 3, 'cash', 6581),
    (4, 4, 'card', 8358),
    (5, 5, 'transfer', 10135),
    (6, 6, 'voucher', 1000),
    (7, 6, 'card', 10912),
    (8, 7, 'cash', 13689),
    (9, 8, 'card', 1466),
    (10, 9, 'transfer', 3243),
    (11, 10, 'voucher', 5020),
    (12, 11, 'cash', 6797),
    (13, 12, 'voucher', 1000),
    (14, 12, 'card', 7574),
    (15, 13, 'transfer', 10351),
    (16, 14, 'voucher', 12128),
    (17, 15, 'cash', 13905),
    (18, 16, 'card', 1682),
    (19, 17, 'transfer', 3459),
    (20, 18, 'voucher', 1000),
    (21, 18, 'card', 4236),
    (22, 19, 'cash', 7013),
    (23, 20, 'card', 8790),
    (24, 21, 'transfer', 10567),
    (25, 22, 'voucher', 12344),
    (26, 23, 'cash', 14121),
    (27, 24, 'voucher', 1000),
    (28, 24, 'card', 898),
    (29, 25, 'transfer', 3675),
    (30, 26, 'voucher', 5452),
    (31, 27, 'cash', 7229),
    (32, 28, 'card', 9006),
    (33, 29, 'transfer', 10783),
    (34, 30, 'voucher', 1000),
    (35, 30, 'card', 11560),
    (36, 31, 'cash', 14337),
    (37, 32, 'card', 2114),
    (38, 33, 'transfer', 3891),
    (39, 34, 'voucher', 5668),
    (40, 35, 'cash', 7445);
