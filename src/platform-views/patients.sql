-- The platform's patients, as the server sees them; see doctors.sql. WeChat messages go to `openid`.
create or replace algorithm = merge sql security invoker view {view} as
select
  p.code as id,
  left(
    coalesce(nullif(trim(convert(p.name using utf8mb4)), ''), convert(p.code using utf8mb4)), 100
  ) collate utf8mb4_bin as name,
  cast(case when p.sex in (1, 2, 9) then p.sex else 0 end as unsigned) as sex,
  case when p.birthday > '1000-01-01' then cast(p.birthday as date) end as birthdate,
  nullif(p.photo, '') as avatar,
  nullif(p.openid, '') as openid
from {platform}.wlyy_patient as p
