-- Patients, without their openid.
-- {im} becomes the server's schema, {view} the view that `npm run report-views -- <schema>` makes.
-- Columns may be added and left out; the first line of the statement has to stay.
create or replace algorithm = merge sql security definer view {view} as
select
  p.id,
  p.name,
  p.sex,
  p.birthdate,
  p.avatar
from {im}.patients as p
