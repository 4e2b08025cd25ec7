-- Doctors, without their openid.
-- {im} becomes the server's schema, {view} the view that `npm run report-views -- <schema>` makes.
-- Columns may be added and left out; the first line of the statement has to stay.
create or replace algorithm = merge sql security definer view {view} as
select
  d.id,
  d.name,
  d.sex,
  d.birthdate,
  d.avatar
from {im}.doctors as d
