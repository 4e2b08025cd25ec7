-- The platform's doctors, as the server sees them. Fit the right-hand sides to your platform; keep the six names.
-- {platform} becomes the schema given to `npm run platform-views`, {view} the view that is made.
--
-- `id` has to stay a plain column with an index: a function around it would turn every look-up into a scan.
-- `name` is never empty and at most 100 characters long, because it is stored with the messages.
-- `sex` is 0 unknown, 1 male, 2 female or 9 (ISO 5218). Doctors get no WeChat messages, so they need no openid.
create or replace algorithm = merge sql security invoker view {view} as
select
  d.code as id,
  left(
    coalesce(nullif(trim(convert(d.name using utf8mb4)), ''), convert(d.code using utf8mb4)), 100
  ) collate utf8mb4_bin as name,
  cast(case when d.sex in (1, 2, 9) then d.sex else 0 end as unsigned) as sex,
  case when d.birthday > '1000-01-01' then cast(d.birthday as date) end as birthdate,
  nullif(d.photo, '') as avatar,
  cast(null as char(128)) as openid
from {platform}.wlyy_doctor as d
