-- The platform's consultations: a topic's id is `code`. The server itself does not read this view; it is for statements
-- that join topics with the platform's teams and doctors (doc/sql.md). Add the columns that yours need; keep `code`.
-- A consultation with several rows in wlyy_consult_team has several rows here.
create or replace algorithm = merge sql security invoker view {view} as
select
  c.code as code,
  c.type as type,
  c.patient as patient,
  c.title as title,
  c.symptoms as symptoms,
  c.status as status,
  c.czrq as create_time,
  t.admin_team_code as admin_team_code,
  t.sign_code as sign_code,
  t.doctor as doctor
from {platform}.wlyy_consult as c
left join {platform}.wlyy_consult_team as t on t.consult = c.code
